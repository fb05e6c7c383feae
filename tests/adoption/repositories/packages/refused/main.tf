provider "aws" {
  region = "us-east-1"
}

resource "aws_iam_role" "this" {
  name_prefix        = "refused-"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }] })
}

data "archive_file" "code" {
  type        = "zip"
  source_file = "${path.module}/../src/greeting.py"
  output_path = "${path.module}/code.zip"
}

resource "aws_lambda_function" "secrets" {
  function_name = "refused"
  role          = aws_iam_role.this.arn
  runtime       = "python3.13"
  handler       = "greeting.handler"
  filename      = data.archive_file.code.output_path
  layers        = ["arn:aws:lambda:us-east-1:177933569100:layer:AWS-Parameters-and-Secrets-Lambda-Extension:12"]
}
