resource "aws_apigatewayv2_api" "websocket" {
  name                       = "sockets"
  protocol_type              = "WEBSOCKET"
  route_selection_expression = "$request.body.action"
  description                = "Chat"
}

resource "aws_apigatewayv2_integration" "websocket" {
  api_id           = aws_apigatewayv2_api.websocket.id
  integration_type = "MOCK"
  request_templates = {
    "200" = jsonencode({ statusCode = 200 })
  }
  template_selection_expression = "200"
}

resource "aws_apigatewayv2_integration_response" "websocket" {
  api_id                   = aws_apigatewayv2_api.websocket.id
  integration_id           = aws_apigatewayv2_integration.websocket.id
  integration_response_key = "/200/"
}

resource "aws_apigatewayv2_model" "websocket" {
  api_id       = aws_apigatewayv2_api.websocket.id
  content_type = "application/json"
  name         = "model"
  schema       = jsonencode({ type = "object" })
}

resource "aws_apigatewayv2_route" "websocket" {
  api_id                              = aws_apigatewayv2_api.websocket.id
  route_key                           = "hello"
  target                              = "integrations/${aws_apigatewayv2_integration.websocket.id}"
  model_selection_expression          = "action"
  request_models                      = { action = aws_apigatewayv2_model.websocket.name }
  route_response_selection_expression = "$default"
}

resource "aws_apigatewayv2_route_response" "websocket" {
  api_id             = aws_apigatewayv2_api.websocket.id
  route_id           = aws_apigatewayv2_route.websocket.id
  route_response_key = "$default"
}

resource "aws_apigatewayv2_stage" "websocket" {
  api_id      = aws_apigatewayv2_api.websocket.id
  name        = "v1"
  auto_deploy = true
  depends_on  = [aws_apigatewayv2_route.websocket]
  default_route_settings {
    throttling_burst_limit = 100
    throttling_rate_limit  = 100
  }
}
