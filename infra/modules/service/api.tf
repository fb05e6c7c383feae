# The API, of one kind or the other: each route invokes a function. A REST API is in rest_api.tf.

locals {
  stage   = "v1"
  rest    = var.api_kind == "REST"
  any     = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
  methods = distinct(flatten([for key in keys(var.routes) : startswith(key, "ANY ") ? local.any : [split(" ", key)[0]]]))

  cors = [
    for cors in [local.settings.cors] : merge({
      allow_methods     = local.methods
      allow_headers     = var.cors_headers.allow
      expose_headers    = var.cors_headers.expose
      allow_credentials = false
      max_age           = 3600
    }, cors) if cors != null
  ]
}

resource "aws_apigatewayv2_api" "this" {
  count = local.rest ? 0 : 1

  name          = var.name
  description   = var.description
  protocol_type = "HTTP"

  dynamic "cors_configuration" {
    for_each = local.cors

    content {
      allow_origins     = cors_configuration.value.allow_origins
      allow_methods     = cors_configuration.value.allow_methods
      allow_headers     = cors_configuration.value.allow_headers
      expose_headers    = cors_configuration.value.expose_headers
      allow_credentials = cors_configuration.value.allow_credentials
      max_age           = cors_configuration.value.max_age
    }
  }
}

resource "aws_apigatewayv2_integration" "this" {
  for_each = local.rest ? toset([]) : toset(values(var.routes))

  api_id                 = aws_apigatewayv2_api.this[0].id
  integration_type       = "AWS_PROXY"
  integration_method     = "POST"
  integration_uri        = aws_lambda_function.this[each.key].invoke_arn
  payload_format_version = "2.0"
  timeout_milliseconds   = 30000
}

resource "aws_apigatewayv2_route" "this" {
  for_each = local.rest ? {} : var.routes

  api_id    = aws_apigatewayv2_api.this[0].id
  route_key = each.key
  target    = "integrations/${aws_apigatewayv2_integration.this[each.value].id}"
}

# API Gateway invokes a function only from the routes that are here: .../STAGE/METHOD/path, a parameter being any text. It
# names the method of the request, so ANY is any text too.
resource "aws_lambda_permission" "route" {
  for_each = var.routes

  statement_id  = "${local.rest ? "rest" : "http"}-api-${replace(replace(lower(each.key), "/[^a-z0-9]+/", "-"), "/-$/", "")}"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this[each.value].function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${local.rest ? aws_api_gateway_rest_api.this[0].execution_arn : aws_apigatewayv2_api.this[0].execution_arn}/${local.stage}/${replace(replace(replace(each.key, "/^ANY /", "*"), " ", ""), "/{[^}]+}/", "*")}"
}

locals {
  access_log = {
    requestId        = "$context.requestId"
    time             = "$context.requestTime"
    ip               = "$context.identity.sourceIp"
    path             = "$context.path"
    status           = "$context.status"
    responseLength   = "$context.responseLength"
    responseLatency  = "$context.responseLatency"
    integrationError = "$context.integrationErrorMessage"
  }
}

resource "aws_cloudwatch_log_group" "access" {
  name              = "/aws/${local.rest ? "rest" : "http"}-api/${var.name}"
  retention_in_days = local.settings.log_retention_days
}

resource "aws_apigatewayv2_stage" "this" {
  count = local.rest ? 0 : 1

  api_id      = aws_apigatewayv2_api.this[0].id
  name        = local.stage
  auto_deploy = true

  default_route_settings {
    throttling_burst_limit   = local.settings.throttling.burst
    throttling_rate_limit    = local.settings.throttling.rate
    detailed_metrics_enabled = true
  }

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access.arn
    format          = jsonencode(merge(local.access_log, { route = "$context.routeKey" }))
  }
}
