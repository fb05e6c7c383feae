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

output "init_function_name" {
  description = "Name of the function that brings the schema up to date."
  value       = module.service.function_names["init"]
}

output "reconcile_function_name" {
  description = "Name of the function that finishes interrupted deletions."
  value       = module.service.function_names["reconcile"]
}

output "schema_version" {
  description = "What the init function brought the schema to."
  value       = module.service.schema_version
}

output "database_address" {
  description = "Host and port of Postgres."
  value       = module.database.address
}

output "database_secret_arn" {
  description = "ARN of the secret with the connection settings."
  value       = module.database.secret_arn
}

output "alarm_names" {
  description = "Names of the alarms."
  value       = module.service.alarm_names
}
