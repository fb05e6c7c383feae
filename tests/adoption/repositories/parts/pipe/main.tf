data "archive_file" "function" {
  type        = "zip"
  source_file = "${path.module}/handler.py"
  output_path = "${path.module}/function.zip"
}

resource "aws_iam_role" "pipe" {
  name = "pipe"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = ["pipes.amazonaws.com", "lambda.amazonaws.com"] } }]
  })
}

resource "aws_sqs_queue" "orders" {
  name = "pipe-orders"
}

resource "aws_sqs_queue" "paid" {
  name = "pipe-paid"
}

resource "aws_lambda_function" "enrich" {
  function_name    = "pipe-enrich"
  role             = aws_iam_role.pipe.arn
  runtime          = "python3.12"
  handler          = "handler.handler"
  filename         = data.archive_file.function.output_path
  source_code_hash = data.archive_file.function.output_base64sha256
}

resource "aws_pipes_pipe" "paid" {
  name       = "paid"
  role_arn   = aws_iam_role.pipe.arn
  source     = aws_sqs_queue.orders.arn
  enrichment = aws_lambda_function.enrich.arn
  target     = aws_sqs_queue.paid.arn

  source_parameters {
    filter_criteria {
      filter {
        pattern = jsonencode({ body = { state = ["paid"] } })
      }
    }
    sqs_queue_parameters {
      batch_size = 5
    }
  }

  target_parameters {
    input_template = "{\"order\": <$.id>, \"pipe\": \"<aws.pipes.pipe-name>\"}"
  }
}
