resource "aws_apigatewayv2_api" "httpapi_web" {
  name          = "resources"
  protocol_type = "HTTP"
}

resource "aws_apigatewayv2_integration" "httpapi_web" {
  api_id             = aws_apigatewayv2_api.httpapi_web.id
  integration_type   = "HTTP_PROXY"
  integration_method = "GET"
  integration_uri    = "http://127.0.0.1:9/"
}

resource "aws_apigatewayv2_authorizer" "httpapi_web" {
  api_id           = aws_apigatewayv2_api.httpapi_web.id
  name             = "tokens"
  authorizer_type  = "JWT"
  identity_sources = ["$request.header.Authorization"]
  jwt_configuration {
    audience = ["shop"]
    issuer   = "https://example.com"
  }
}

resource "aws_apigatewayv2_route" "httpapi_web" {
  api_id             = aws_apigatewayv2_api.httpapi_web.id
  route_key          = "GET /"
  target             = "integrations/${aws_apigatewayv2_integration.httpapi_web.id}"
  authorization_type = "JWT"
  authorizer_id      = aws_apigatewayv2_authorizer.httpapi_web.id
}

resource "aws_apigatewayv2_deployment" "httpapi_web" {
  api_id     = aws_apigatewayv2_api.httpapi_web.id
  depends_on = [aws_apigatewayv2_route.httpapi_web]
}

resource "aws_apigatewayv2_stage" "httpapi_web" {
  api_id        = aws_apigatewayv2_api.httpapi_web.id
  name          = "v1"
  deployment_id = aws_apigatewayv2_deployment.httpapi_web.id
}

resource "aws_apigatewayv2_api" "httpapi_domain_named" {
  name          = "named"
  protocol_type = "HTTP"
}

resource "aws_apigatewayv2_stage" "httpapi_domain_named" {
  api_id      = aws_apigatewayv2_api.httpapi_domain_named.id
  name        = "$default"
  auto_deploy = true
}

resource "aws_apigatewayv2_domain_name" "httpapi_domain_web" {
  domain_name = "api.example.com"
  domain_name_configuration {
    certificate_arn = aws_acm_certificate.httpapi_domain_web.arn
    endpoint_type   = "REGIONAL"
    security_policy = "TLS_1_2"
  }
}

resource "aws_apigatewayv2_api_mapping" "httpapi_domain_web" {
  api_id      = aws_apigatewayv2_api.httpapi_domain_named.id
  domain_name = aws_apigatewayv2_domain_name.httpapi_domain_web.id
  stage       = aws_apigatewayv2_stage.httpapi_domain_named.id
}
