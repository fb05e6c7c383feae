# What the stack is, checked on plans and applies against a mocked provider: no account, no network, a few seconds.

mock_provider "aws" {
  source = "../../mocks"
}

variables {
  packages = {
    tasks = "versions.tf"
    layer = "versions.tf"
  }
}

run "the_function_is_in_no_vpc_and_may_do_no_more_than_it_needs" {
  assert {
    condition     = length(module.service.subnet_ids["api"]) == 0
    error_message = "The function reaches DynamoDB without a VPC."
  }

  assert {
    condition = { for statement in jsondecode(module.service.policies["api"]).Statement : statement.Sid => statement.Action } == {
      WriteOwnLogs = ["logs:CreateLogStream", "logs:PutLogEvents"]
      KeepTasks    = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"]
      ListTasks    = ["dynamodb:Query"]
    }
    error_message = "The function may do more, or less, than it needs."
  }

  assert {
    condition     = { for statement in jsondecode(module.service.policies["api"]).Statement : statement.Sid => statement.Resource }["ListTasks"] == ["${module.table.arn}/index/by-status"]
    error_message = "Only the index is listed."
  }
}

run "errors_and_slowness_have_an_alarm" {
  assert {
    condition     = toset(output.alarm_names) == toset(["tasks-LambdaErrorAlarm", "tasks-LambdaDurationAlarm"])
    error_message = "An alarm is missing."
  }
}

run "without_a_mail_address_nobody_is_told" {
  assert {
    condition     = module.alerts.subscribers == 0
    error_message = "There must be no subscription."
  }
}

run "with_an_empty_mail_address_nobody_is_told" {
  variables {
    alert_email = ""
  }

  assert {
    condition     = module.alerts.subscribers == 0
    error_message = "There must be no subscription."
  }
}

run "a_mail_address_is_told" {
  variables {
    alert_email = "ops@example.com"
  }

  assert {
    condition     = module.alerts.subscribers == 1
    error_message = "There must be a subscription."
  }
}

# What the modules make, looked at from inside.

run "only_alarms_of_the_account_may_publish" {
  module {
    source = "../../modules/alerts"
  }

  variables {
    name = "alerts"
  }

  assert {
    condition = one(jsondecode(aws_sns_topic_policy.this.policy).Statement) == {
      Sid       = "AlarmsOfThisAccount"
      Effect    = "Allow"
      Principal = { Service = "cloudwatch.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = output.topic_arn
      Condition = { StringEquals = { "aws:SourceAccount" = "111122223333" } }
    }
    error_message = "Nobody else may publish."
  }
}

run "a_wrong_mail_address_is_refused" {
  command = plan

  module {
    source = "../../modules/alerts"
  }

  variables {
    name  = "alerts"
    email = "nobody"
  }

  expect_failures = [var.email]
}

run "a_dashboard_has_four_graphs_of_every_function" {
  module {
    source = "../../modules/dashboard"
  }

  variables {
    name      = "test"
    region    = "eu-central-1"
    functions = ["one", "two"]
  }

  assert {
    condition = [for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget.properties.title] == [
      "Invocations and errors", "Duration (ms)", "Throttles", "Concurrent executions",
    ]
    error_message = "A graph is missing."
  }

  assert {
    condition = alltrue([
      for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets :
      toset([for metric in widget.properties.metrics : metric[3]]) == toset(["one", "two"])
    ])
    error_message = "Each graph must show every function."
  }
}
