data "archive_file" "function" {
  type        = "zip"
  source_file = "${path.module}/handler.py"
  output_path = "${path.module}/function.zip"
}

resource "aws_iam_role" "function" {
  name = "observed"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_cloudwatch_log_group" "function" {
  name              = "/aws/lambda/observed"
  retention_in_days = 14
}

resource "aws_lambda_function" "function" {
  function_name    = "observed"
  role             = aws_iam_role.function.arn
  runtime          = "python3.12"
  handler          = "handler.handler"
  filename         = data.archive_file.function.output_path
  source_code_hash = data.archive_file.function.output_base64sha256

  logging_config {
    log_format = "JSON"
  }

  tracing_config {
    mode = "Active"
  }

  depends_on = [aws_cloudwatch_log_group.function]
}

resource "aws_cloudwatch_log_metric_filter" "errors" {
  name           = "errors"
  log_group_name = aws_cloudwatch_log_group.function.name
  pattern        = "ERROR"

  metric_transformation {
    name      = "Errors"
    namespace = "Observed"
    value     = "1"
  }
}

resource "aws_cloudwatch_dashboard" "main" {
  dashboard_name = "observed"

  dashboard_body = jsonencode({
    widgets = [{
      type       = "metric", x = 0, y = 0, width = 12, height = 6
      properties = { region = "us-east-1", metrics = [["AWS/Lambda", "Invocations", "FunctionName", "observed"]] }
    }]
  })
}

resource "aws_cloudwatch_metric_alarm" "duration" {
  alarm_name          = "observed-duration"
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = 2
  datapoints_to_alarm = 1
  metric_name         = "Duration"
  namespace           = "AWS/Lambda"
  period              = 60
  extended_statistic  = "p99"
  threshold           = 1000
  treat_missing_data  = "notBreaching"
  dimensions          = { FunctionName = aws_lambda_function.function.function_name }
}
