# A name of one's own for an HTTP API: a certificate that Route 53 proves, the domain, the stage below it, the address.

resource "aws_acm_certificate" "this" {
  domain_name       = var.domain_name
  validation_method = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

# There is one name, so one proof; for_each over the options would have to know them before the certificate is there.
resource "aws_route53_record" "proof" {
  zone_id         = var.zone_id
  name            = one(aws_acm_certificate.this.domain_validation_options).resource_record_name
  type            = one(aws_acm_certificate.this.domain_validation_options).resource_record_type
  records         = [one(aws_acm_certificate.this.domain_validation_options).resource_record_value]
  ttl             = 300
  allow_overwrite = true
}

resource "aws_acm_certificate_validation" "this" {
  certificate_arn         = aws_acm_certificate.this.arn
  validation_record_fqdns = [aws_route53_record.proof.fqdn]
}

resource "aws_apigatewayv2_domain_name" "this" {
  domain_name = var.domain_name

  domain_name_configuration {
    certificate_arn = aws_acm_certificate_validation.this.certificate_arn
    endpoint_type   = "REGIONAL"
    security_policy = "TLS_1_2"
  }
}

resource "aws_apigatewayv2_api_mapping" "this" {
  api_id      = var.api_id
  stage       = var.stage
  domain_name = aws_apigatewayv2_domain_name.this.id
}

resource "aws_route53_record" "address" {
  for_each = toset(["A", "AAAA"])

  zone_id = var.zone_id
  name    = var.domain_name
  type    = each.key

  alias {
    name                   = one(aws_apigatewayv2_domain_name.this.domain_name_configuration).target_domain_name
    zone_id                = one(aws_apigatewayv2_domain_name.this.domain_name_configuration).hosted_zone_id
    evaluate_target_health = false
  }
}
