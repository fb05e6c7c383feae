terraform {
  required_version = ">= 1.5"
  required_providers {
    aws     = { source = "hashicorp/aws", version = "~> 5.0" }
    archive = { source = "hashicorp/archive", version = "~> 2.4" }
  }
}

provider "aws" {
  region = "us-east-1"
}

locals {
  functions = {
    orders   = { runtime = "nodejs20.x", handler = "index.handler", source = "orders" }
    greeting = { runtime = "nodejs20.x", handler = "index.handler", source = "greeting" }
    bundle   = { runtime = "nodejs20.x", handler = "main.handler", source = "bundle/dist" }
    shell    = { runtime = "provided.al2023", handler = "function.handler", source = "shell" }
  }
}

data "archive_file" "code" {
  for_each    = local.functions
  type        = "zip"
  source_dir  = "${path.module}/${each.value.source}"
  output_path = "${path.module}/.build/${each.key}.zip"
}

resource "aws_iam_role" "functions" {
  name = "functions"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_dynamodb_table" "orders" {
  name         = "orders"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"

  attribute {
    name = "id"
    type = "S"
  }
}

resource "aws_lambda_function" "these" {
  for_each         = local.functions
  function_name    = each.key
  role             = aws_iam_role.functions.arn
  runtime          = each.value.runtime
  handler          = each.value.handler
  filename         = data.archive_file.code[each.key].output_path
  source_code_hash = data.archive_file.code[each.key].output_base64sha256
  timeout          = 20
  memory_size      = 512

  environment {
    variables = { TABLE = aws_dynamodb_table.orders.name }
  }
}

resource "aws_apigatewayv2_api" "shop" {
  name          = "shop"
  protocol_type = "HTTP"
}

resource "aws_apigatewayv2_integration" "orders" {
  api_id                 = aws_apigatewayv2_api.shop.id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_function.these["orders"].invoke_arn
  payload_format_version = "2.0"
}

resource "aws_apigatewayv2_route" "orders" {
  for_each  = toset(["GET /orders/{id}", "PUT /orders/{id}"])
  api_id    = aws_apigatewayv2_api.shop.id
  route_key = each.value
  target    = "integrations/${aws_apigatewayv2_integration.orders.id}"
}

resource "aws_apigatewayv2_stage" "shop" {
  api_id      = aws_apigatewayv2_api.shop.id
  name        = "$default"
  auto_deploy = true
}

resource "aws_lambda_permission" "shop" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.these["orders"].function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.shop.execution_arn}/*/*"
}

output "url" {
  value = aws_apigatewayv2_api.shop.api_endpoint
}
