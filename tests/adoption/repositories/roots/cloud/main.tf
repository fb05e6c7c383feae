terraform {
  required_version = ">= 1.6, < 2.0"

  cloud {
    organization = "company"

    workspaces {
      name = "cloud"
    }
  }
}

provider "aws" {
  region = "us-east-1"
}

resource "aws_iam_role" "function" {
  name = "cloud"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_lambda_function" "function" {
  function_name    = "cloud"
  role             = aws_iam_role.function.arn
  runtime          = "python3.12"
  handler          = "handler.handler"
  filename         = "${path.module}/dist/function.zip" # it is committed
  source_code_hash = filebase64sha256("${path.module}/dist/function.zip")
}
