locals {
  deployed = merge(aws_lambda_function.this, aws_lambda_function.schema)
}

output "api_id" {
  description = "Id of the API."
  value       = local.rest ? aws_api_gateway_rest_api.this[0].id : aws_apigatewayv2_api.this[0].id
}

output "stage" {
  description = "Name of the API's stage."
  value       = local.rest ? aws_api_gateway_stage.this[0].stage_name : aws_apigatewayv2_stage.this[0].name
}

output "url" {
  description = "Base URL of the stage, without a slash at the end."
  value       = local.rest ? aws_api_gateway_stage.this[0].invoke_url : "${aws_apigatewayv2_api.this[0].api_endpoint}/${aws_apigatewayv2_stage.this[0].name}"
}

output "function_names" {
  description = "Names of the functions by key; the schema's is init."
  value       = { for key, function in local.deployed : key => function.function_name }
}

output "invoke_arns" {
  description = "What an API's integration calls, by the function's key."
  value       = { for key, function in aws_lambda_function.this : key => function.invoke_arn }
}

output "policies" {
  description = "What the functions may do, by key, as policy documents."
  value       = { for key, policy in aws_iam_role_policy.function : key => policy.policy }
}

output "subnet_ids" {
  description = "Subnets that the functions are attached to, by key."
  value       = { for key, function in local.deployed : key => flatten(function.vpc_config[*].subnet_ids) }
}

# Of the invocation, so that whoever uses it comes after the schema.
output "schema_version" {
  description = "What the function brought the schema to; null without one."
  value       = one([for invocation in aws_lambda_invocation.schema : jsondecode(invocation.result).version])
}

output "alarm_names" {
  description = "Names of the alarms."
  value       = sort([for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name])
}

output "schedules" {
  description = "What is invoked by a schedule, and when, by key."
  value       = { for key, rule in aws_cloudwatch_event_rule.schedule : key => rule.schedule_expression }
}

output "settings" {
  description = "The settings, with what was not given."
  value       = local.settings
}
