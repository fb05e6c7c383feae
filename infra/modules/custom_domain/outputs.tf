output "url" {
  description = "Base URL of the API at its own name, known once it leads there."
  value       = "https://${var.domain_name}"
  depends_on  = [aws_apigatewayv2_api_mapping.this, aws_route53_record.address]
}
