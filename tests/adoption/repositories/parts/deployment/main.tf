# A REST API whose deployment does not wait for its integration responses; here they are later for certain.
resource "aws_api_gateway_rest_api" "orders" {
  name = "deployment-orders"
}

resource "aws_api_gateway_resource" "orders" {
  rest_api_id = aws_api_gateway_rest_api.orders.id
  parent_id   = aws_api_gateway_rest_api.orders.root_resource_id
  path_part   = "orders"
}

resource "aws_api_gateway_method" "get" {
  rest_api_id   = aws_api_gateway_rest_api.orders.id
  resource_id   = aws_api_gateway_resource.orders.id
  http_method   = "GET"
  authorization = "NONE"
}

resource "aws_api_gateway_method_response" "ok" {
  rest_api_id = aws_api_gateway_rest_api.orders.id
  resource_id = aws_api_gateway_resource.orders.id
  http_method = aws_api_gateway_method.get.http_method
  status_code = "200"
}

resource "aws_api_gateway_integration" "get" {
  rest_api_id       = aws_api_gateway_rest_api.orders.id
  resource_id       = aws_api_gateway_resource.orders.id
  http_method       = aws_api_gateway_method.get.http_method
  type              = "MOCK"
  request_templates = { "application/json" = jsonencode({ statusCode = 200 }) }
}

resource "terraform_data" "later" {
  triggers_replace = aws_api_gateway_stage.live.id

  provisioner "local-exec" {
    command = "true"
  }
}

resource "aws_api_gateway_integration_response" "ok" {
  rest_api_id        = aws_api_gateway_rest_api.orders.id
  resource_id        = aws_api_gateway_resource.orders.id
  http_method        = aws_api_gateway_method.get.http_method
  status_code        = aws_api_gateway_method_response.ok.status_code
  response_templates = { "application/json" = jsonencode({ orders = [] }) }
  depends_on         = [aws_api_gateway_integration.get, terraform_data.later]
}

resource "aws_api_gateway_deployment" "this" {
  rest_api_id = aws_api_gateway_rest_api.orders.id
  triggers    = { redeployment = sha1(aws_api_gateway_integration.get.id) }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_stage" "live" {
  deployment_id = aws_api_gateway_deployment.this.id
  rest_api_id   = aws_api_gateway_rest_api.orders.id
  stage_name    = "live"
}

output "url" {
  value = aws_api_gateway_stage.live.invoke_url
}
