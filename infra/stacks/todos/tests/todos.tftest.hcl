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
    condition     = module.database.created && startswith(output.database_address, "mock.eu-central-1.rds.amazonaws.com:")
    error_message = "Without a given database, the stack must create one."
  }
}

run "a_given_database_is_used_and_its_schema_brought_up_to_date" {
  variables {
    database = { host = "db.example", port = 6543, name = "todos", username = "todos", password = "given" }
  }

  assert {
    condition     = !module.database.created && output.database_address == "db.example:6543"
    error_message = "The given database must be used, and none created."
  }

  assert {
    condition     = output.schema_version == 4
    error_message = "The output must tell what init answered."
  }
}

run "the_reconciler_is_on_a_schedule" {
  assert {
    condition     = module.service.schedules == { reconcile = "rate(1 minute)" }
    error_message = "The reconciler must run every minute."
  }
}

run "functions_are_in_private_subnets_with_least_privilege" {
  assert {
    condition = alltrue([
      for key in ["api", "init", "reconcile"] :
      toset(module.service.subnet_ids[key]) == toset(module.database.access.subnet_ids) && length(module.service.subnet_ids[key]) == 2
    ])
    error_message = "The functions must be in the private subnets."
  }

  assert {
    condition = { for statement in jsondecode(module.service.policies["api"]).Statement : statement.Sid => statement.Action } == {
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
    condition = { for statement in jsondecode(module.service.policies["reconcile"]).Statement : statement.Sid => statement.Action } == {
      WriteOwnLogs       = ["logs:CreateLogStream", "logs:PutLogEvents"]
      ReadDatabaseSecret = ["secretsmanager:GetSecretValue"]
      DeleteTodos        = ["dynamodb:BatchWriteItem", "dynamodb:Query", "dynamodb:UpdateItem"]
    }
    error_message = "The reconciler may do more, or less, than it needs."
  }

  assert {
    condition     = toset([for statement in jsondecode(module.service.policies["init"]).Statement : statement.Sid]) == toset(["WriteOwnLogs", "ReadDatabaseSecret"])
    error_message = "The init function has nothing to do with the table."
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
