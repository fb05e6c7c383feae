# The same routes as a REST API, written as an OpenAPI document: each operation has the function's proxy integration.

locals {
  rest_paths = {
    for path in distinct([for key in keys(var.routes) : split(" ", key)[1]]) : path => {
      for key, function in var.routes :
      (startswith(key, "ANY ") ? "x-amazon-apigateway-any-method" : lower(split(" ", key)[0])) => {
        parameters = [
          for name in regexall("{([^}+]+)[+]?}", path) : { name = name[0], in = "path", required = true, schema = { type = "string" } }
        ]
        x-amazon-apigateway-integration = {
          type       = "aws_proxy"
          httpMethod = "POST"
          uri        = aws_lambda_function.this[function].invoke_arn
        }
      } if split(" ", key)[1] == path
    }
  }
}

resource "aws_api_gateway_rest_api" "this" {
  count = local.rest ? 1 : 0

  name        = var.name
  description = var.description

  body = jsonencode({
    openapi = "3.0.1"
    info    = { title = var.name, version = "1", description = var.description }
    paths   = local.rest_paths
  })

  endpoint_configuration {
    types = ["REGIONAL"]
  }

  lifecycle {
    precondition {
      condition     = local.settings.cors == null
      error_message = "A REST API answers no browsers of other origins here: cors of settings is for api_kind HTTP."
    }
  }
}

resource "aws_api_gateway_deployment" "this" {
  count = local.rest ? 1 : 0

  rest_api_id = aws_api_gateway_rest_api.this[0].id
  triggers    = { body = sha256(aws_api_gateway_rest_api.this[0].body) }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_stage" "this" {
  count = local.rest ? 1 : 0

  rest_api_id   = aws_api_gateway_rest_api.this[0].id
  deployment_id = aws_api_gateway_deployment.this[0].id
  stage_name    = local.stage

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access.arn
    format          = jsonencode(merge(local.access_log, { route = "$context.httpMethod $context.resourcePath" }))
  }
}

resource "aws_api_gateway_method_settings" "this" {
  count = local.rest ? 1 : 0

  rest_api_id = aws_api_gateway_rest_api.this[0].id
  stage_name  = aws_api_gateway_stage.this[0].stage_name
  method_path = "*/*"

  settings {
    metrics_enabled        = true
    throttling_burst_limit = local.settings.throttling.burst
    throttling_rate_limit  = local.settings.throttling.rate
  }
}
