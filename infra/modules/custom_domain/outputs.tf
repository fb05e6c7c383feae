# Of the mapping, so that whoever uses the URL waits until it leads to the API.
output "url" {
  description = "Base URL of the API at its own name."
  value       = "https://${aws_apigatewayv2_api_mapping.this.domain_name}"
}
