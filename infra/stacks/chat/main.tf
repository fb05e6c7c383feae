# The chat service: WebSocket API -> function -> DynamoDB, and back to the clients by @connections; an HTTP API reads what was said.

locals {
  stage  = "v1"
  routes = toset(["$connect", "$disconnect", "$default", "say", "who"])
}

module "table" {
  source = "../../modules/table"

  name                = var.name
  range_key           = "sk"
  deletion_protection = var.deletion_protection
}

module "service" {
  source = "../../modules/service"

  name        = var.name
  description = "What was said in the rooms."
  packages    = var.packages
  settings    = var.service_settings
  routes      = { "GET /rooms/{room}/messages" = "api" }

  functions = {
    api = {
      description = "Answers the HTTP API's routes."
      package     = "chat"
      handler     = "chat.api.handler"
      timeout     = 15
      variables   = { TABLE_NAME = module.table.name }

      statements = {
        ReadRooms = {
          actions   = ["dynamodb:Query"]
          resources = [module.table.arn]
        }
      }
    }

    sockets = {
      description = "Answers the WebSocket API's routes."
      package     = "chat"
      handler     = "chat.sockets.handler"
      timeout     = 15
      variables   = { TABLE_NAME = module.table.name }

      statements = {
        KeepRooms = {
          actions   = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"]
          resources = [module.table.arn]
        }
        TellClients = {
          actions   = ["execute-api:ManageConnections"]
          resources = ["${aws_apigatewayv2_api.sockets.execution_arn}/${local.stage}/POST/@connections/*"]
        }
      }
    }
  }
}

resource "aws_apigatewayv2_api" "sockets" {
  name                       = "${var.name}-sockets"
  description                = "The rooms."
  protocol_type              = "WEBSOCKET"
  route_selection_expression = "$request.body.action"
}

resource "aws_apigatewayv2_integration" "sockets" {
  api_id           = aws_apigatewayv2_api.sockets.id
  integration_type = "AWS_PROXY"
  integration_uri  = module.service.invoke_arns["sockets"]
}

# What the function answers to a message goes to its client, by the response of the route.
resource "aws_apigatewayv2_route" "sockets" {
  for_each = local.routes

  api_id                              = aws_apigatewayv2_api.sockets.id
  route_key                           = each.key
  target                              = "integrations/${aws_apigatewayv2_integration.sockets.id}"
  route_response_selection_expression = contains(["$connect", "$disconnect"], each.key) ? null : "$default"
}

resource "aws_apigatewayv2_route_response" "sockets" {
  for_each = setsubtract(local.routes, ["$connect", "$disconnect"])

  api_id             = aws_apigatewayv2_api.sockets.id
  route_id           = aws_apigatewayv2_route.sockets[each.key].id
  route_response_key = "$default"
}

resource "aws_lambda_permission" "sockets" {
  statement_id  = "web-socket-api"
  action        = "lambda:InvokeFunction"
  function_name = module.service.function_names["sockets"]
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.sockets.execution_arn}/${local.stage}/*"
}

resource "aws_apigatewayv2_stage" "sockets" {
  api_id      = aws_apigatewayv2_api.sockets.id
  name        = local.stage
  auto_deploy = true

  default_route_settings {
    throttling_burst_limit = 500
    throttling_rate_limit  = 1000
  }
}
