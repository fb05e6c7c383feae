data "archive_file" "function" {
  type        = "zip"
  source_file = "${path.module}/handler.py"
  output_path = "${path.module}/function.zip"
}

resource "aws_iam_role" "function" {
  name = "queue"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_dynamodb_table" "seen" {
  name         = "queue-seen"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"

  attribute {
    name = "id"
    type = "S"
  }
}

resource "aws_iam_role_policy" "function" {
  name = "queue"
  role = aws_iam_role.function.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["dynamodb:PutItem", "sqs:*"], Resource = "*" }]
  })
}

resource "aws_lambda_function" "function" {
  function_name    = "queue"
  role             = aws_iam_role.function.arn
  runtime          = "python3.12"
  handler          = "handler.handler"
  filename         = data.archive_file.function.output_path
  source_code_hash = data.archive_file.function.output_base64sha256
  timeout          = 5

  environment {
    variables = { TABLE = aws_dynamodb_table.seen.name }
  }
}

resource "aws_sqs_queue" "dead" {
  name = "queue-dead"
}

resource "aws_sqs_queue" "work" {
  name                       = "queue-work"
  visibility_timeout_seconds = 6

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead.arn
    maxReceiveCount     = 1
  })
}

resource "aws_lambda_event_source_mapping" "work" {
  event_source_arn        = aws_sqs_queue.work.arn
  function_name           = aws_lambda_function.function.arn
  batch_size              = 10
  function_response_types = ["ReportBatchItemFailures"]
}
