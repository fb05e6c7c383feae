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

output "stream_arn" {
  description = "ARN of the table's stream: every event that was stored, for consumers to come."
  value       = module.table.stream_arn
}

output "index_shards" {
  description = "How many partitions of the index a reader of one type and day asks for."
  value       = var.index_shards
}

output "api_function_name" {
  description = "Name of the function behind the API."
  value       = module.service.function_names["api"]
}

output "signature_secret_arn" {
  description = "ARN of the secret that senders sign their webhooks with; null where signatures are off."
  value       = one(local.secret_arns)
}

output "alarm_names" {
  description = "Names of the alarms."
  value       = module.service.alarm_names
}
