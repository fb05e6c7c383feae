output "api_url" {
  description = "Base URL of the API on AWS, without a slash at the end."
  value       = module.service.url
}

output "custom_url" {
  description = "Base URL at the API's own name; null without one."
  value       = one(module.custom_domain[*].url)
}

output "api_id" {
  description = "Id of the API."
  value       = module.service.api_id
}

output "stage" {
  description = "Name of the API's stage."
  value       = module.service.stage
}

output "api_function_name" {
  description = "Name of the function behind the API."
  value       = module.service.function_names["api"]
}

output "sessions_table_name" {
  description = "Name of the sessions' table."
  value       = module.sessions.name
}

output "limits_table_name" {
  description = "Name of the rate limits' table."
  value       = module.rate_limits.name
}

output "token_secret_arn" {
  description = "ARN of the secret that tokens are signed with (HS256)."
  value       = module.token_secret.arn
}

output "alarm_names" {
  description = "Names of the alarms."
  value       = module.service.alarm_names
}

output "repository_url" {
  description = "Where the function's image is pushed to; null where it is a zip."
  value       = one(aws_ecr_repository.image[*].repository_url)
}
