terraform {
  required_providers {
    aws     = { source = "hashicorp/aws" }
    archive = { source = "hashicorp/archive" }
  }
}

provider "aws" {
  region = "us-east-1"
}

variable "packages" {
  type = map(string)
}

resource "aws_iam_role" "this" {
  name_prefix        = "packages-"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }] })
}

resource "aws_lambda_function" "older" {
  function_name    = "packages-older"
  role             = aws_iam_role.this.arn
  runtime          = "python3.12"
  handler          = "handler.handler"
  timeout          = 30
  memory_size      = 512
  filename         = var.packages.older
  source_code_hash = filebase64sha256(var.packages.older)
}

resource "aws_lambda_function" "newer" {
  function_name    = "packages-newer"
  role             = aws_iam_role.this.arn
  runtime          = "python3.13"
  handler          = "handler.handler"
  timeout          = 30
  memory_size      = 512
  filename         = var.packages["newer"]
  source_code_hash = filebase64sha256(var.packages["newer"])
}

data "archive_file" "powertools" {
  type        = "zip"
  source_file = "${path.module}/../src/powertools.py"
  output_path = "${path.module}/build/powertools.zip"
}

resource "aws_lambda_function" "powertools" {
  function_name    = "packages-powertools"
  role             = aws_iam_role.this.arn
  runtime          = "python3.12"
  handler          = "powertools.handler"
  timeout          = 30
  memory_size      = 512
  filename         = data.archive_file.powertools.output_path
  source_code_hash = data.archive_file.powertools.output_base64sha256
  layers           = ["arn:aws:lambda:us-east-1:017000801446:layer:AWSLambdaPowertoolsPythonV3-python312-x86_64:18"]
}

data "archive_file" "greeting" {
  type        = "zip"
  source_file = "${path.module}/../src/greeting.py"
  output_path = "${path.module}/build/greeting.zip"
}

resource "aws_lambda_function" "greeting" {
  function_name    = "packages-greeting"
  role             = aws_iam_role.this.arn
  runtime          = "python3.13"
  handler          = "greeting.handler"
  timeout          = 30
  memory_size      = 512
  filename         = data.archive_file.greeting.output_path
  source_code_hash = data.archive_file.greeting.output_base64sha256
  layers           = ["arn:aws:lambda:us-east-1:111122223333:layer:greetings:${length(aws_iam_role.this.unique_id) > 0 ? 3 : 4}"]
}

data "archive_file" "vendored" {
  type        = "zip"
  source_dir  = "${path.module}/../src/vendored"
  output_path = "${path.module}/build/vendored.zip"
}

resource "aws_lambda_function" "vendored" {
  function_name    = "packages-vendored"
  role             = aws_iam_role.this.arn
  runtime          = "python3.12"
  handler          = "handler.handler"
  timeout          = 30
  memory_size      = 512
  filename         = data.archive_file.vendored.output_path
  source_code_hash = data.archive_file.vendored.output_base64sha256
}
