output "api_endpoint" {
  value = aws_apigatewayv2_api.usage.api_endpoint
}

output "invoke_url" {
  value = aws_apigatewayv2_stage.usage.invoke_url
}

output "secret" {
  value     = "not to be shown"
  sensitive = true
}
