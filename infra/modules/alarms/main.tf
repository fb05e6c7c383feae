# Alarms on sums, of errors and throttles of each function and of an API's answers 5xx, and on whatever else is named.

locals {
  sums = merge(
    merge([
      for name in var.functions : {
        for metric in ["Errors", "Throttles"] : "${name}-${lower(metric)}" => {
          description = "${name}: ${lower(metric)} of the function."
          namespace   = "AWS/Lambda"
          metric      = metric
          dimensions  = { FunctionName = name }
        }
      }
    ]...),
    {
      for name, api in var.apis : "${name}-5xx" => {
        description = "${name}: the API answers 5xx."
        namespace   = "AWS/ApiGateway"
        metric      = "5xx"
        dimensions  = { ApiId = api.id, Stage = api.stage }
      }
    },
  )

  alarms = merge(var.metrics, {
    for name, sum in local.sums : name => merge(sum, {
      statistic  = "Sum"
      comparison = "GreaterThanOrEqualToThreshold"
      threshold  = var.threshold
    })
  })
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name        = each.key
  alarm_description = each.value.description

  namespace   = each.value.namespace
  metric_name = each.value.metric
  dimensions  = each.value.dimensions
  statistic   = each.value.statistic

  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  period              = var.period
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"

  alarm_actions = var.actions
  ok_actions    = var.actions
}
