resource "aws_acm_certificate" "httpapi_domain_web" {
  domain_name       = "api.example.com"
  validation_method = "DNS"
}

resource "aws_acm_certificate" "rest_domain_r" {
  domain_name       = "rest.example.com"
  validation_method = "DNS"
}

resource "aws_route53_zone" "r53_private_p" {
  name = "private.example.com"
  vpc {
    vpc_id = aws_vpc.main.id
  }
}

resource "aws_route53_zone" "r53_assoc_p" {
  name = "private2.example.com"
  vpc {
    vpc_id = aws_vpc.main.id
  }
  lifecycle {
    ignore_changes = [vpc]
  }
}

resource "aws_route53_zone_association" "r53_assoc_p" {
  zone_id = aws_route53_zone.r53_assoc_p.zone_id
  vpc_id  = aws_vpc.r53_assoc_w.id
}

resource "aws_route53_zone" "dns" {
  name = "example.com"
}

resource "aws_route53_record" "dns_a" {
  zone_id = aws_route53_zone.dns.zone_id
  name    = "www.example.com"
  type    = "A"
  ttl     = 60
  records = ["10.0.0.1"]
}

resource "aws_route53_health_check" "dns" {
  fqdn              = "example.com"
  port              = 80
  type              = "HTTP"
  failure_threshold = 3
  request_interval  = 30
}

resource "aws_acm_certificate" "dns" {
  domain_name       = "example.com"
  validation_method = "DNS"
}

resource "aws_route53_record" "dns_v" {
  for_each = { for o in aws_acm_certificate.dns.domain_validation_options : o.domain_name => o }
  zone_id  = aws_route53_zone.dns.zone_id
  name     = each.value.resource_record_name
  type     = each.value.resource_record_type
  ttl      = 60
  records  = [each.value.resource_record_value]
}

resource "aws_acm_certificate_validation" "dns" {
  certificate_arn         = aws_acm_certificate.dns.arn
  validation_record_fqdns = [for r in aws_route53_record.dns_v : r.fqdn]
}

resource "aws_route53_zone" "r53_qlog_q" {
  name = "q.example.com"
}

resource "aws_cloudfront_origin_access_control" "cloudfront" {
  name                              = "a"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

resource "aws_cloudfront_cache_policy" "cloudfront" {
  name = "a"
  parameters_in_cache_key_and_forwarded_to_origin {
    cookies_config {
      cookie_behavior = "none"
    }
    headers_config {
      header_behavior = "none"
    }
    query_strings_config {
      query_string_behavior = "none"
    }
  }
}

resource "aws_cloudfront_function" "cloudfront" {
  name    = "a"
  runtime = "cloudfront-js-2.0"
  code    = "function handler(event) { return event.request; }"
}

resource "aws_cloudfront_distribution" "cloudfront" {
  enabled = true
  origin {
    domain_name              = aws_s3_bucket.cloudfront.bucket_regional_domain_name
    origin_id                = "s3"
    origin_access_control_id = aws_cloudfront_origin_access_control.cloudfront.id
  }
  default_cache_behavior {
    allowed_methods        = ["GET", "HEAD"]
    cached_methods         = ["GET", "HEAD"]
    target_origin_id       = "s3"
    viewer_protocol_policy = "redirect-to-https"
    cache_policy_id        = aws_cloudfront_cache_policy.cloudfront.id
  }
  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }
  viewer_certificate {
    cloudfront_default_certificate = true
  }
}

resource "aws_cloudfront_origin_request_policy" "cf_orp" {
  name = "o"
  cookies_config {
    cookie_behavior = "none"
  }
  headers_config {
    header_behavior = "none"
  }
  query_strings_config {
    query_string_behavior = "none"
  }
}

resource "aws_cloudfront_response_headers_policy" "cf_rhp" {
  name = "r"
  custom_headers_config {
    items {
      header   = "x-a"
      override = true
      value    = "b"
    }
  }
}

resource "aws_wafv2_web_acl" "waf" {
  name  = "acl"
  scope = "REGIONAL"
  default_action {
    allow {}
  }
  visibility_config {
    cloudwatch_metrics_enabled = false
    metric_name                = "m"
    sampled_requests_enabled   = false
  }
}

resource "aws_wafv2_ip_set" "waf" {
  name               = "ips"
  scope              = "REGIONAL"
  ip_address_version = "IPV4"
  addresses          = ["10.0.0.0/8"]
}

resource "aws_wafv2_rule_group" "waf_rg" {
  name     = "rg"
  scope    = "REGIONAL"
  capacity = 10
  visibility_config {
    cloudwatch_metrics_enabled = false
    metric_name                = "m"
    sampled_requests_enabled   = false
  }
}

resource "aws_wafv2_regex_pattern_set" "waf_regex" {
  name  = "re"
  scope = "REGIONAL"
  regular_expression {
    regex_string = "a+"
  }
}

resource "aws_wafv2_web_acl" "waf_assoc" {
  name  = "aclb"
  scope = "REGIONAL"
  default_action {
    allow {}
  }
  visibility_config {
    cloudwatch_metrics_enabled = false
    metric_name                = "m"
    sampled_requests_enabled   = false
  }
}

resource "aws_wafv2_web_acl_association" "waf_assoc" {
  resource_arn = aws_cognito_user_pool.waf_assoc_w.arn
  web_acl_arn  = aws_wafv2_web_acl.waf_assoc.arn
}

resource "aws_wafv2_web_acl" "waf_log" {
  name  = "aclc"
  scope = "REGIONAL"
  default_action {
    allow {}
  }
  visibility_config {
    cloudwatch_metrics_enabled = false
    metric_name                = "m"
    sampled_requests_enabled   = false
  }
}
