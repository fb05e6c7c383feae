# A module with a provider block of its own, as old ones have it.
provider "aws" {
  alias   = "own"
  region  = "us-east-1"
  profile = "company-module"
}

variable "name" {
  type = string
}

variable "greeting" {
  type = string
}

resource "local_file" "code" {
  filename = "${path.root}/built/${var.name}.py"
  content  = templatefile("${path.module}/../../lambdas/handler.py.tftpl", { greeting = var.greeting })
}

data "archive_file" "code" {
  type        = "zip"
  output_path = "${path.cwd}/built/${var.name}.zip"

  source {
    filename = "app.py"
    content  = local_file.code.content
  }
}

resource "aws_iam_role" "app" {
  provider           = aws.own
  name               = var.name
  assume_role_policy = file("${path.module}/trust.json")
}

resource "aws_lambda_function" "app" {
  function_name    = var.name
  role             = aws_iam_role.app.arn
  runtime          = "python3.12"
  handler          = "app.handler"
  filename         = data.archive_file.code.output_path
  source_code_hash = data.archive_file.code.output_base64sha256
}

output "function" {
  value = aws_lambda_function.app.function_name
}
