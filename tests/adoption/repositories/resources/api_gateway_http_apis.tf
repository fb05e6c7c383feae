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

resource "aws_apigatewayv2_vpc_link" "httpapi_domain_web" {
  name               = "web"
  security_group_ids = []
  subnet_ids         = [aws_subnet.httpapi_domain_link.id]
}

resource "aws_vpc" "httpapi_domain_link" {
  cidr_block = "10.9.0.0/16"
}

resource "aws_subnet" "httpapi_domain_link" {
  vpc_id     = aws_vpc.httpapi_domain_link.id
  cidr_block = "10.9.1.0/24"
}

resource "aws_apigatewayv2_integration" "httpapi_queue" {
  api_id              = aws_apigatewayv2_api.httpapi_web.id
  integration_type    = "AWS_PROXY"
  integration_subtype = "SQS-SendMessage"
  credentials_arn     = "arn:aws:iam::000000000000:role/api"
  request_parameters = {
    QueueUrl    = "http://localhost/000000000000/web"
    MessageBody = "$request.body"
  }
}

resource "aws_apigatewayv2_integration" "httpapi_link" {
  api_id             = aws_apigatewayv2_api.httpapi_web.id
  integration_type   = "HTTP_PROXY"
  integration_method = "ANY"
  integration_uri    = "arn:aws:servicediscovery:us-east-1:000000000000:service/srv-1"
  connection_type    = "VPC_LINK"
  connection_id      = aws_apigatewayv2_vpc_link.httpapi_domain_web.id
}
