# Alarms: on errors and throttles of each function and on the API's answers 5xx, or those that are named instead.

locals {
  common_alarms = merge(
    merge([
      for name in local.function_names : {
        for metric in ["Errors", "Throttles"] : "${name}-${lower(metric)}" => {
          description = "${name}: ${lower(metric)} of the function."
          namespace   = "AWS/Lambda"
          metric      = metric
          dimensions  = { FunctionName = name }
        }
      }
    ]...),
    {
      "${var.name}-5xx" = {
        description = "${var.name}: the API answers 5xx."
        namespace   = "AWS/ApiGateway"
        metric      = local.rest ? "5XXError" : "5xx"
        dimensions  = merge({ Stage = local.stage }, local.rest ? { ApiName = var.name } : { ApiId = aws_apigatewayv2_api.this[0].id })
      }
    },
  )

  named_alarms = var.alarms == null ? {} : var.alarms

  alarms = merge(
    { for name, alarm in local.common_alarms : name => merge(alarm, { statistic = "Sum", above = 0 }) if var.alarms == null },
    {
      for name, alarm in local.named_alarms : "${var.name}-${name}" => merge(alarm, {
        namespace  = "AWS/Lambda"
        dimensions = { FunctionName = local.function_names[alarm.function] }
      })
    },
  )
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name        = each.key
  alarm_description = each.value.description

  namespace   = each.value.namespace
  metric_name = each.value.metric
  dimensions  = each.value.dimensions
  statistic   = each.value.statistic

  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.above
  period              = local.settings.alarm_period
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"

  alarm_actions = local.settings.alarm_actions
  ok_actions    = local.settings.alarm_actions
}
