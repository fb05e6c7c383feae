terraform {
  required_providers {
    aws     = { source = "hashicorp/aws" }
    archive = { source = "hashicorp/archive" }
  }
}

provider "aws" {
  region = "us-east-1"
}

data "archive_file" "python" {
  type        = "zip"
  source_dir  = "${path.module}/src"
  output_path = "${path.module}/build/python.zip"
}

data "archive_file" "node" {
  type        = "zip"
  source_file = "${path.module}/node/index.js"
  output_path = "${path.module}/build/node.zip"
}

resource "aws_iam_role" "functions" {
  name = "functions"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_lambda_function" "python" {
  for_each         = toset(["front", "back"])
  function_name    = each.key
  role             = aws_iam_role.functions.arn
  runtime          = "python3.12"
  handler          = "${each.key}.handler"
  filename         = data.archive_file.python.output_path
  source_code_hash = data.archive_file.python.output_base64sha256
}

resource "aws_lambda_function" "node" {
  function_name    = "script"
  role             = aws_iam_role.functions.arn
  runtime          = "nodejs20.x"
  handler          = "index.handler"
  filename         = data.archive_file.node.output_path
  source_code_hash = data.archive_file.node.output_base64sha256
}

resource "aws_ssm_parameter" "word" {
  name  = "word"
  type  = "String"
  value = "first"
}
