resource "aws_api_gateway_rest_api" "restapi_rest" {
  name = "resources"
}

resource "aws_api_gateway_resource" "restapi_items" {
  rest_api_id = aws_api_gateway_rest_api.restapi_rest.id
  parent_id   = aws_api_gateway_rest_api.restapi_rest.root_resource_id
  path_part   = "items"
}

resource "aws_api_gateway_request_validator" "restapi_rest" {
  name                  = "body"
  rest_api_id           = aws_api_gateway_rest_api.restapi_rest.id
  validate_request_body = true
}

resource "aws_api_gateway_model" "restapi_rest" {
  rest_api_id  = aws_api_gateway_rest_api.restapi_rest.id
  name         = "Item"
  content_type = "application/json"
  schema       = jsonencode({ type = "object" })
}

resource "aws_api_gateway_authorizer" "restapi_rest" {
  name           = "tokens"
  rest_api_id    = aws_api_gateway_rest_api.restapi_rest.id
  type           = "TOKEN"
  authorizer_uri = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:none/invocations"
}

resource "aws_api_gateway_method" "restapi_get" {
  rest_api_id          = aws_api_gateway_rest_api.restapi_rest.id
  resource_id          = aws_api_gateway_resource.restapi_items.id
  http_method          = "GET"
  authorization        = "NONE"
  api_key_required     = true
  request_validator_id = aws_api_gateway_request_validator.restapi_rest.id
}

resource "aws_api_gateway_integration" "restapi_get" {
  rest_api_id             = aws_api_gateway_rest_api.restapi_rest.id
  resource_id             = aws_api_gateway_resource.restapi_items.id
  http_method             = aws_api_gateway_method.restapi_get.http_method
  type                    = "AWS_PROXY"
  integration_http_method = "POST"
  uri                     = aws_lambda_function.one.invoke_arn
}

resource "aws_api_gateway_method_response" "restapi_get" {
  rest_api_id = aws_api_gateway_rest_api.restapi_rest.id
  resource_id = aws_api_gateway_resource.restapi_items.id
  http_method = aws_api_gateway_method.restapi_get.http_method
  status_code = "200"
}

resource "aws_api_gateway_integration_response" "restapi_get" {
  rest_api_id = aws_api_gateway_rest_api.restapi_rest.id
  resource_id = aws_api_gateway_resource.restapi_items.id
  http_method = aws_api_gateway_method.restapi_get.http_method
  status_code = aws_api_gateway_method_response.restapi_get.status_code
  depends_on  = [aws_api_gateway_integration.restapi_get]
}

resource "aws_api_gateway_gateway_response" "restapi_rest" {
  rest_api_id   = aws_api_gateway_rest_api.restapi_rest.id
  response_type = "DEFAULT_4XX"
}

resource "aws_api_gateway_deployment" "restapi_rest" {
  rest_api_id = aws_api_gateway_rest_api.restapi_rest.id
  depends_on  = [aws_api_gateway_integration.restapi_get]
}

resource "aws_api_gateway_stage" "restapi_rest" {
  rest_api_id   = aws_api_gateway_rest_api.restapi_rest.id
  deployment_id = aws_api_gateway_deployment.restapi_rest.id
  stage_name    = "v1"
}

resource "aws_api_gateway_method_settings" "restapi_rest" {
  rest_api_id = aws_api_gateway_rest_api.restapi_rest.id
  stage_name  = aws_api_gateway_stage.restapi_rest.stage_name
  method_path = "*/*"
  settings {
    metrics_enabled = true
  }
}

resource "aws_api_gateway_api_key" "restapi_rest" {
  name  = "customer"
  value = "abcdefghijklmnopqrstuvwxyz"
}

resource "aws_api_gateway_usage_plan" "restapi_rest" {
  name = "plan"
  api_stages {
    api_id = aws_api_gateway_rest_api.restapi_rest.id
    stage  = aws_api_gateway_stage.restapi_rest.stage_name
  }
}

resource "aws_api_gateway_usage_plan_key" "restapi_rest" {
  key_id        = aws_api_gateway_api_key.restapi_rest.id
  key_type      = "API_KEY"
  usage_plan_id = aws_api_gateway_usage_plan.restapi_rest.id
}

resource "aws_api_gateway_rest_api" "rest_account_rest_account" {
  name = "rest_account"
}

resource "aws_api_gateway_account" "rest_account" {
  cloudwatch_role_arn = aws_iam_role.rest_account_gw.arn
}

resource "aws_api_gateway_rest_api" "rest_policy_rest_policy" {
  name = "rest_policy"
}

resource "aws_api_gateway_rest_api_policy" "rest_policy" {
  rest_api_id = aws_api_gateway_rest_api.rest_policy_rest_policy.id
  policy      = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "execute-api:Invoke", Principal = "*", Resource = "*" }] })
}

resource "aws_api_gateway_rest_api" "rest_domain_rest_domain" {
  name = "rest_domain"
}

resource "aws_api_gateway_rest_api" "rest_docs_rest_docs" {
  name = "rest_docs"
}

resource "aws_api_gateway_documentation_part" "rest_docs" {
  rest_api_id = aws_api_gateway_rest_api.rest_docs_rest_docs.id
  location {
    type = "API"
  }
  properties = "{\"description\":\"x\"}"
}

resource "aws_api_gateway_rest_api" "rest_clientcert_rest_clientcert" {
  name = "rest_clientcert"
}

resource "aws_api_gateway_domain_name" "rest_domain" {
  domain_name              = "rest.example.com"
  regional_certificate_arn = aws_acm_certificate.rest_domain_r.arn
  endpoint_configuration {
    types = ["REGIONAL"]
  }
}

resource "aws_api_gateway_base_path_mapping" "rest_domain" {
  api_id      = aws_api_gateway_rest_api.rest_domain_rest_domain.id
  domain_name = aws_api_gateway_domain_name.rest_domain.domain_name
}

resource "aws_api_gateway_documentation_version" "rest_docs" {
  rest_api_id = aws_api_gateway_rest_api.rest_docs_rest_docs.id
  version     = "1"
  depends_on  = [aws_api_gateway_documentation_part.rest_docs]
}

resource "aws_api_gateway_client_certificate" "rest_clientcert" {
  description = "x"
}

resource "aws_api_gateway_vpc_link" "rest_link" {
  name        = "resources"
  target_arns = ["arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/net/none/1234567890abcdef"]
}

resource "aws_api_gateway_rest_api" "rest_document" {
  name = "rest_document"
  body = jsonencode({
    openapi = "3.0.1"
    info    = { title = "rest_document", version = "1" }
    paths = { "/items" = { get = {
      responses = { "200" = { description = "ok" } }
      "x-amazon-apigateway-integration" = {
        type      = "mock"
        responses = { default = { statusCode = "200" } }
      }
    } } }
  })
}
