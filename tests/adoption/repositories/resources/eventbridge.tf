resource "aws_cloudwatch_event_bus" "eventbridge_orders" {
  name = "resources-orders"
}

resource "aws_cloudwatch_event_rule" "eventbridge_paid" {
  name           = "paid"
  event_bus_name = aws_cloudwatch_event_bus.eventbridge_orders.name
  event_pattern  = jsonencode({ source = ["shop"] })
}

resource "aws_cloudwatch_event_target" "eventbridge_paid" {
  rule           = aws_cloudwatch_event_rule.eventbridge_paid.name
  event_bus_name = aws_cloudwatch_event_bus.eventbridge_orders.name
  arn            = aws_sqs_queue.eventbridge_paid.arn
}

resource "aws_cloudwatch_event_archive" "eventbridge_orders" {
  name             = "orders"
  event_source_arn = aws_cloudwatch_event_bus.eventbridge_orders.arn
}

resource "aws_cloudwatch_event_permission" "eventbridge_orders" {
  principal      = "111111111111"
  statement_id   = "other"
  event_bus_name = aws_cloudwatch_event_bus.eventbridge_orders.name
}

resource "aws_cloudwatch_event_bus" "eventbridge_shared" {
  name = "resources-shared"
}

resource "aws_cloudwatch_event_bus_policy" "eventbridge_shared" {
  event_bus_name = aws_cloudwatch_event_bus.eventbridge_shared.name
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Sid = "all", Effect = "Allow", Action = "events:PutEvents", Principal = { AWS = "111111111111" }, Resource = aws_cloudwatch_event_bus.eventbridge_shared.arn }]
  })
}

resource "aws_cloudwatch_event_connection" "eventbridge_hook" {
  name               = "hook"
  authorization_type = "API_KEY"
  auth_parameters {
    api_key {
      key   = "x-key"
      value = "secret"
    }
  }
}

resource "aws_cloudwatch_event_api_destination" "eventbridge_hook" {
  name                = "hook"
  invocation_endpoint = "https://example.com/hook"
  http_method         = "POST"
  connection_arn      = aws_cloudwatch_event_connection.eventbridge_hook.arn
}

resource "aws_scheduler_schedule_group" "eventbridge_nightly" {
  name = "nightly"
}

resource "aws_scheduler_schedule" "eventbridge_clean" {
  name                = "clean"
  group_name          = aws_scheduler_schedule_group.eventbridge_nightly.name
  schedule_expression = "rate(1 hour)"
  flexible_time_window {
    mode = "OFF"
  }
  target {
    arn      = aws_sqs_queue.eventbridge_paid.arn
    role_arn = aws_iam_role.eventbridge_scheduler.arn
  }
}

resource "aws_cloudwatch_event_bus" "schemas_disc" {
  name = "disc"
}

resource "aws_cloudwatch_event_endpoint" "event_endpoint" {
  name = "global"
  event_bus {
    event_bus_arn = "arn:aws:events:us-east-1:000000000000:event-bus/default"
  }
  event_bus {
    event_bus_arn = "arn:aws:events:eu-west-1:000000000000:event-bus/default"
  }
  replication_config {
    state = "DISABLED"
  }
  routing_config {
    failover_config {
      primary {
        health_check = "arn:aws:route53:::healthcheck/x"
      }
      secondary {
        route = "eu-west-1"
      }
    }
  }
}

resource "aws_pipes_pipe" "pipes_copy" {
  name     = "copy"
  role_arn = aws_iam_role.pipes_pipe.arn
  source   = aws_sqs_queue.pipes_in.arn
  target   = aws_sqs_queue.pipes_out.arn
}
