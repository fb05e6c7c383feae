locals {
  sources = sha1(join("", [for name in fileset("${path.module}/src", "**") : filesha1("${path.module}/src/${name}")]))
}

resource "null_resource" "package" {
  triggers = { sources = local.sources }

  provisioner "local-exec" {
    command     = "python3 package.py src build/${local.sources}.zip"
    working_dir = path.module
  }
}

resource "aws_iam_role" "function" {
  name = "package-program"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_lambda_function" "function" {
  function_name = "package-program"
  role          = aws_iam_role.function.arn
  runtime       = "python3.12"
  handler       = "handler.handler"
  filename      = "${path.module}/build/${local.sources}.zip"

  depends_on = [null_resource.package]
}
