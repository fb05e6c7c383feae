# What the stack is, checked on plans and applies against a mocked provider: no account, no network, a few seconds.

mock_provider "aws" {
  source = "../../mocks"
}

variables {
  packages = {
    todos        = "versions.tf"
    todos_schema = "versions.tf"
    layer        = "versions.tf"
  }
}

run "without_a_database_one_is_created_in_rds" {
  assert {
    condition     = module.database.created
    error_message = "Without a given database, the stack must create one."
  }

  assert {
    condition     = module.database.environment.DATABASE_TLS == "require"
    error_message = "A connection to RDS must be encrypted."
  }

  assert {
    condition     = output.database_address == "mock.eu-central-1.rds.amazonaws.com:5432"
    error_message = "The output must name the instance."
  }
}

run "a_given_database_is_used_and_none_is_created" {
  variables {
    database = { host = "db.example", port = 6543, name = "todos", username = "todos", password = "given" }
  }

  assert {
    condition     = !module.database.created
    error_message = "With a given database, the stack must not create one."
  }

  assert {
    condition     = output.database_address == "db.example:6543"
    error_message = "The output must name the given server."
  }

  assert {
    condition     = module.database.environment.DATABASE_TLS == "prefer"
    error_message = "A given server must be asked for encryption."
  }
}

run "functions_are_in_private_subnets_with_least_privilege" {
  assert {
    condition = alltrue([
      for function in [module.api, module.reconcile] :
      toset(function.subnet_ids) == toset(module.database.subnet_ids) && length(function.subnet_ids) == 2
    ])
    error_message = "The functions must be in the private subnets."
  }

  assert {
    condition = { for statement in jsondecode(module.api.policy).Statement : statement.Sid => statement.Action } == {
      WriteOwnLogs       = ["logs:CreateLogStream", "logs:PutLogEvents"]
      ReadDatabaseSecret = ["secretsmanager:GetSecretValue"]
      KeepTodos = [
        "dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:GetItem",
        "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem",
      ]
    }
    error_message = "The API's function may do more, or less, than it needs."
  }

  assert {
    condition = { for statement in jsondecode(module.reconcile.policy).Statement : statement.Sid => statement.Action } == {
      WriteOwnLogs       = ["logs:CreateLogStream", "logs:PutLogEvents"]
      ReadDatabaseSecret = ["secretsmanager:GetSecretValue"]
      DeleteTodos        = ["dynamodb:BatchWriteItem", "dynamodb:Query", "dynamodb:UpdateItem"]
    }
    error_message = "The reconciler may do more, or less, than it needs."
  }

  assert {
    condition     = toset([for statement in jsondecode(module.schema.policy).Statement : statement.Sid]) == toset(["WriteOwnLogs", "ReadDatabaseSecret"])
    error_message = "The init function has nothing to do with the table."
  }
}

run "init_runs_again_only_for_another_schema_package_or_database" {
  assert {
    condition     = module.schema.triggers == tomap({ schema = filesha256("versions.tf"), database = "${output.database_address}/todos" })
    error_message = "The invocation must be bound to the schema package and to the database."
  }

  assert {
    condition     = output.schema_version == 4
    error_message = "The output must tell what init answered."
  }
}

run "the_reconciler_is_on_a_schedule" {
  assert {
    condition     = aws_cloudwatch_event_rule.reconcile.schedule_expression == "rate(1 minute)"
    error_message = "The reconciler must run every minute."
  }

  assert {
    condition     = aws_cloudwatch_event_target.reconcile.arn == module.reconcile.arn
    error_message = "The schedule must invoke the reconciler."
  }
}

run "every_function_and_the_api_have_alarms" {
  assert {
    condition = toset(output.alarm_names) == toset([
      "todos-5xx",
      "todos-api-errors", "todos-api-throttles",
      "todos-init-errors", "todos-init-throttles",
      "todos-reconcile-errors", "todos-reconcile-throttles",
    ])
    error_message = "An alarm is missing."
  }
}

run "a_wrong_name_is_refused" {
  command = plan

  variables {
    name = "Todos_1"
  }

  expect_failures = [var.name]
}

# What the module makes, looked at from inside.

run "functions_reach_the_given_port_and_aws_and_nothing_else" {
  module {
    source = "../../modules/database"
  }

  variables {
    name                = "things"
    service             = "things"
    given               = { host = "db.example", port = 6543, name = "things", username = "things", password = "given" }
    deletion_protection = false
  }

  assert {
    condition     = aws_vpc_security_group_egress_rule.postgres.from_port == 6543 && aws_vpc_security_group_egress_rule.postgres.to_port == 6543
    error_message = "The functions must be able to reach the given port."
  }

  assert {
    condition     = aws_vpc_security_group_egress_rule.https.from_port == 443 && aws_vpc_security_group_egress_rule.https.to_port == 443
    error_message = "The functions must be able to reach the AWS services."
  }

  assert {
    condition     = output.identity == "db.example:6543/things"
    error_message = "A database is its server and its name."
  }
}
