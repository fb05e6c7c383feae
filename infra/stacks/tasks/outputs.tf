output "api_url" {
  description = "Base URL of the API on AWS, without a slash at the end."
  value       = module.service.url
}

output "api_id" {
  description = "Id of the API."
  value       = module.service.api_id
}

output "stage" {
  description = "Name of the API's stage."
  value       = module.service.stage
}

output "table_name" {
  description = "Name of the DynamoDB table."
  value       = module.table.name
}

output "api_function_name" {
  description = "Name of the function behind the API."
  value       = module.service.function_names["api"]
}

output "alarm_names" {
  description = "Names of the alarms."
  value       = module.service.alarm_names
}

output "alerts_topic_arn" {
  description = "ARN of the topic that the alarms tell."
  value       = module.alerts.topic_arn
}

output "dashboard_name" {
  description = "Name of the dashboard."
  value       = module.dashboard.name
}
