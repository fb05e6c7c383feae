data "aws_caller_identity" "current" {}

data "archive_file" "usage" {
  type        = "zip"
  source_dir  = "${path.module}/../src/usage"
  output_path = "${path.module}/../build/usage.zip"
}

resource "aws_dynamodb_table" "usage" {
  name         = "${var.name}-${data.aws_caller_identity.current.account_id}"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"

  attribute {
    name = "id"
    type = "S"
  }
}

resource "aws_iam_role" "usage" {
  name = "${var.name}-function"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy" "usage" {
  role = aws_iam_role.usage.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["dynamodb:GetItem", "dynamodb:PutItem"], Resource = aws_dynamodb_table.usage.arn }]
  })
}

resource "aws_lambda_function" "usage" {
  function_name    = var.name
  role             = aws_iam_role.usage.arn
  runtime          = "python3.12"
  handler          = "app.handler"
  filename         = data.archive_file.usage.output_path
  source_code_hash = data.archive_file.usage.output_base64sha256

  environment {
    variables = { TABLE = aws_dynamodb_table.usage.name }
  }
}

resource "aws_apigatewayv2_api" "usage" {
  name          = var.name
  protocol_type = "HTTP"
}

resource "aws_apigatewayv2_integration" "usage" {
  api_id                 = aws_apigatewayv2_api.usage.id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_function.usage.invoke_arn
  payload_format_version = "2.0"
}

resource "aws_apigatewayv2_route" "usage" {
  for_each = toset(["GET /usage", "POST /usage"])

  api_id    = aws_apigatewayv2_api.usage.id
  route_key = each.value
  target    = "integrations/${aws_apigatewayv2_integration.usage.id}"
}

resource "aws_apigatewayv2_stage" "usage" {
  api_id      = aws_apigatewayv2_api.usage.id
  name        = "$default"
  auto_deploy = true
}

resource "aws_lambda_permission" "usage" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.usage.function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.usage.execution_arn}/*/*"
}

resource "aws_sns_topic" "alarms" {
  name = "${var.name}-alarms"
}

resource "aws_sns_topic_subscription" "alarms" {
  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = var.alert_email
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_name          = "${var.name}-errors"
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = 1
  metric_name         = "Errors"
  namespace           = "AWS/Lambda"
  period              = 60
  statistic           = "Sum"
  threshold           = 0
  alarm_actions       = [aws_sns_topic.alarms.arn]
  dimensions          = { FunctionName = aws_lambda_function.usage.function_name }
}

# In the other region, by its alias.
resource "aws_s3_bucket" "replica" {
  provider = aws.us
  bucket   = "${var.name}-replica"
}
