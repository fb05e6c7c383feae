locals {
  functions = {
    hello = { word = "hello", memory = 128 }
    bye   = { word = "bye", memory = 256 }
  }
}

data "archive_file" "function" {
  for_each = local.functions

  type        = "zip"
  output_path = "${path.module}/build/${each.key}.zip"

  source {
    filename = "handler.py"
    content  = templatefile("${path.module}/handler.py.tftpl", { word = each.value.word })
  }
}

resource "aws_iam_role" "function" {
  name = "templates"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_lambda_function" "function" {
  for_each = local.functions

  function_name    = "templates-${each.key}"
  role             = aws_iam_role.function.arn
  runtime          = "python3.12"
  handler          = "handler.handler"
  memory_size      = each.value.memory
  filename         = data.archive_file.function[each.key].output_path
  source_code_hash = data.archive_file.function[each.key].output_base64sha256
}
