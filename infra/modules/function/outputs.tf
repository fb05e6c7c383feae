output "name" {
  description = "Name of the function."
  value       = aws_lambda_function.this.function_name
}

output "arn" {
  description = "ARN of the function."
  value       = aws_lambda_function.this.arn
}

output "invoke_arn" {
  description = "ARN by which API Gateway invokes the function."
  value       = aws_lambda_function.this.invoke_arn
}

output "log_group_name" {
  description = "Name of the function's log group."
  value       = aws_cloudwatch_log_group.this.name
}

output "policy" {
  description = "What the function may do, as a policy document."
  value       = aws_iam_role_policy.this.policy
}

output "subnet_ids" {
  description = "Subnets that the function is attached to."
  value       = flatten(aws_lambda_function.this.vpc_config[*].subnet_ids)
}
