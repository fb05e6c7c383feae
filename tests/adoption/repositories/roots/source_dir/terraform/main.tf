provider "aws" {
  region = "us-east-1"
}

data "archive_file" "function" {
  type        = "zip"
  source_dir  = "../src"
  excludes    = ["tests"]
  output_path = "${path.module}/.build/function.zip"
}

resource "aws_iam_role" "function" {
  name = "source-dir"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_lambda_function" "function" {
  function_name    = "source-dir"
  role             = aws_iam_role.function.arn
  runtime          = "python3.12"
  handler          = "handler.handler"
  filename         = data.archive_file.function.output_path
  source_code_hash = data.archive_file.function.output_base64sha256
}
