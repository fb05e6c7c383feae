output "api_url" {
  description = "Base URL of the HTTP API on AWS, without a slash at the end."
  value       = module.service.url
}

output "api_id" {
  description = "Id of the HTTP API."
  value       = module.service.api_id
}

output "stage" {
  description = "Name of the stage of both APIs."
  value       = module.service.stage
}

output "sockets_url" {
  description = "Where clients connect to on AWS, with ?room=...&user=..."
  value       = aws_apigatewayv2_stage.sockets.invoke_url
}

output "sockets_api_id" {
  description = "Id of the WebSocket API."
  value       = aws_apigatewayv2_api.sockets.id
}

output "table_name" {
  description = "Name of the DynamoDB table."
  value       = module.table.name
}

output "api_function_name" {
  description = "Name of the function behind the HTTP API."
  value       = module.service.function_names["api"]
}

output "sockets_function_name" {
  description = "Name of the function behind the WebSocket API."
  value       = module.service.function_names["sockets"]
}

output "alarm_names" {
  description = "Names of the alarms."
  value       = module.service.alarm_names
}
