# A CloudWatch dashboard of functions: invocations and errors, duration, throttles, concurrent executions.

locals {
  width  = 12
  height = 6

  graphs = [
    {
      title = "Invocations and errors"
      series = flatten([for name in var.functions : [
        { metric = "Invocations", function = name, stat = "Sum" },
        { metric = "Errors", function = name, stat = "Sum" },
      ]])
    },
    {
      title = "Duration (ms)"
      series = flatten([for name in var.functions : [
        for stat in ["Average", "p99", "Maximum"] : { metric = "Duration", function = name, stat = stat }
      ]])
    },
    {
      title  = "Throttles"
      series = [for name in var.functions : { metric = "Throttles", function = name, stat = "Sum" }]
    },
    {
      title  = "Concurrent executions"
      series = [for name in var.functions : { metric = "ConcurrentExecutions", function = name, stat = "Maximum" }]
    },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode({
    widgets = [
      for number, graph in local.graphs : {
        type   = "metric"
        x      = local.width * (number % 2)
        y      = local.height * floor(number / 2)
        width  = local.width
        height = local.height
        properties = {
          title  = graph.title
          region = var.region
          view   = "timeSeries"
          period = var.period
          metrics = [
            for series in graph.series : [
              "AWS/Lambda", series.metric, "FunctionName", series.function, { stat = series.stat, label = "${series.function} ${series.metric} ${series.stat}" },
            ]
          ]
        }
      }
    ]
  })
}
