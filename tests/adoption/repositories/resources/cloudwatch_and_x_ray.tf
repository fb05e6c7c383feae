resource "aws_cloudwatch_log_group" "log_group" {
  name              = "/resources/a"
  retention_in_days = 7
}

resource "aws_cloudwatch_log_stream" "log_group" {
  name           = "s"
  log_group_name = aws_cloudwatch_log_group.log_group.name
}

resource "aws_cloudwatch_log_metric_filter" "log_group" {
  name           = "errors"
  pattern        = "ERROR"
  log_group_name = aws_cloudwatch_log_group.log_group.name
  metric_transformation {
    name      = "Errors"
    namespace = "Resources"
    value     = "1"
  }
}

resource "aws_cloudwatch_log_resource_policy" "log_group" {
  policy_name     = "p"
  policy_document = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "logs:PutLogEvents", Principal = { Service = "es.amazonaws.com" }, Resource = "*" }] })
}

resource "aws_cloudwatch_log_subscription_filter" "log_group" {
  name            = "all"
  log_group_name  = aws_cloudwatch_log_group.log_group.name
  filter_pattern  = ""
  destination_arn = aws_kinesis_stream.log_group_logs.arn
  role_arn        = aws_iam_role.log_group_logs.arn
}

resource "aws_cloudwatch_log_group" "log_dp" {
  name = "/resources/dp"
}

resource "aws_cloudwatch_log_group" "log_anomaly" {
  name = "/resources/an"
}

resource "aws_cloudwatch_log_group" "log_delivery" {
  name = "/aws/vendedlogs/x"
}

resource "aws_cloudwatch_log_delivery_destination" "log_delivery" {
  name = "x"
  delivery_destination_configuration {
    destination_resource_arn = aws_cloudwatch_log_group.log_delivery.arn
  }
}

resource "aws_cloudwatch_metric_alarm" "alarms" {
  alarm_name          = "resources-errors"
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = 1
  metric_name         = "Errors"
  namespace           = "AWS/Lambda"
  period              = 60
  statistic           = "Sum"
  threshold           = 1
}

resource "aws_cloudwatch_dashboard" "alarms" {
  dashboard_name = "resources"
  dashboard_body = jsonencode({ widgets = [] })
}

resource "aws_cloudwatch_metric_alarm" "composite" {
  alarm_name          = "part"
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = 1
  metric_name         = "Errors"
  namespace           = "AWS/Lambda"
  period              = 60
  statistic           = "Sum"
  threshold           = 1
}

resource "aws_cloudwatch_composite_alarm" "composite" {
  alarm_name = "whole"
  alarm_rule = "ALARM(${aws_cloudwatch_metric_alarm.composite.alarm_name})"
}

resource "aws_cloudwatch_log_group" "net_flow_f" {
  name = "flow"
}

resource "aws_cloudwatch_log_group" "r53_qlog_q" {
  name = "/aws/route53/q"
}

resource "aws_cloudwatch_log_group" "waf_log_w" {
  name = "aws-waf-logs-x"
}
