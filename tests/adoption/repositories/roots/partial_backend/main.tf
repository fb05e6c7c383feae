terraform {
  backend "s3" {}
}

variable "greeting" {
  type = string
}

provider "aws" {
  region = "us-east-1"
}

data "archive_file" "function" {
  type        = "zip"
  output_path = "${path.module}/function.zip"

  source {
    filename = "handler.py"
    content  = "def handler(event, context):\n    return '${var.greeting}'\n"
  }
}

resource "aws_iam_role" "function" {
  name = "partial-backend"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_lambda_function" "function" {
  function_name    = "partial-backend"
  role             = aws_iam_role.function.arn
  runtime          = "python3.12"
  handler          = "handler.handler"
  filename         = data.archive_file.function.output_path
  source_code_hash = data.archive_file.function.output_base64sha256
}
