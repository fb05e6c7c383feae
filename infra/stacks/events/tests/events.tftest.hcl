# What the stack is, checked on plans and applies against a mocked provider: no account, no network, a few seconds.

mock_provider "aws" {
  source = "../../mocks"
}

variables {
  packages = {
    events = "versions.tf"
    layer  = "versions.tf"
  }
}

run "the_function_may_put_events_and_read_its_secret_and_is_in_no_vpc" {
  assert {
    condition = { for statement in jsondecode(module.api.policy).Statement : statement.Sid => [statement.Action, statement.Resource] } == {
      WriteOwnLogs        = [["logs:CreateLogStream", "logs:PutLogEvents"], "arn:aws:logs:eu-central-1:111122223333:log-group:mock:*"]
      StoreEvents         = [["dynamodb:PutItem"], ["arn:aws:dynamodb:eu-central-1:111122223333:table/mock"]]
      ReadSignatureSecret = [["secretsmanager:GetSecretValue"], ["arn:aws:secretsmanager:eu-central-1:111122223333:secret:mock"]]
    }
    error_message = "The function may do more, or less, than it needs."
  }

  assert {
    condition     = length(module.api.subnet_ids) == 0
    error_message = "Nothing of the stack must be in a VPC."
  }
}

run "without_signatures_there_is_no_secret" {
  variables {
    signatures = "off"
  }

  assert {
    condition     = length(module.signature_secret) == 0 && output.signature_secret_arn == null
    error_message = "No secret must be made."
  }

  assert {
    condition     = !contains([for statement in jsondecode(module.api.policy).Statement : statement.Sid], "ReadSignatureSecret")
    error_message = "The function has no secret to read."
  }
}

run "signatures_are_off_optional_or_required" {
  command = plan

  variables {
    signatures = "maybe"
  }

  expect_failures = [var.signatures]
}

run "the_function_and_the_api_have_alarms" {
  assert {
    condition     = toset(output.alarm_names) == toset(["events-5xx", "events-api-errors", "events-api-throttles"])
    error_message = "An alarm is missing."
  }
}

# What the modules make, looked at from inside.

run "a_table_has_the_keys_indexes_and_stream_that_are_asked_for" {
  module {
    source = "../../modules/table"
  }

  variables {
    name                   = "things"
    range_key              = "sk"
    key_types              = { at = "N" }
    stream_view_type       = "NEW_IMAGE"
    point_in_time_recovery = false
    deletion_protection    = false

    indexes = {
      by-owner = { hash_key = "owner", range_key = "at" }
      by-state = { hash_key = "state", include = ["title"] }
    }
  }

  assert {
    condition     = { for each in aws_dynamodb_table.this.attribute : each.name => each.type } == { pk = "S", sk = "S", owner = "S", at = "N", state = "S" }
    error_message = "Every key attribute must be declared once, with its type."
  }

  assert {
    condition     = { for index in aws_dynamodb_table.this.global_secondary_index : index.name => index.projection_type } == { by-owner = "ALL", by-state = "INCLUDE" }
    error_message = "An index that names attributes must copy those only."
  }

  assert {
    condition     = aws_dynamodb_table.this.stream_enabled && !one(aws_dynamodb_table.this.point_in_time_recovery).enabled
    error_message = "The stream must be on, and recovery off."
  }
}

run "a_function_without_subnets_is_in_no_vpc_and_its_role_knows_none" {
  module {
    source = "../../modules/function"
  }

  variables {
    name        = "f"
    description = "test"
    package     = "versions.tf"
    handler     = "f.handler"
    timeout     = 3
  }

  assert {
    condition     = length(aws_lambda_function.this.vpc_config) == 0 && length(aws_iam_role_policy.vpc) == 0
    error_message = "There must be no network, and no right to make one."
  }

  assert {
    condition     = aws_cloudwatch_log_group.this.retention_in_days == 30
    error_message = "Logs must be kept for a limited time."
  }
}

run "an_api_keeps_its_access_log_for_a_limited_time" {
  module {
    source = "../../modules/http_api"
  }

  variables {
    name        = "things"
    description = "test"
    routes      = { "POST /things" = { function_name = "things", invoke_arn = "arn:invoke" } }
  }

  assert {
    condition     = aws_cloudwatch_log_group.access.retention_in_days == 30
    error_message = "Access logs must be kept for a limited time."
  }
}

run "a_generated_secret_keeps_its_first_value" {
  module {
    source = "../../modules/generated_secret"
  }

  variables {
    name        = "things/key"
    description = "test"
    prefix      = "whsec_"
    base64      = true
  }

  assert {
    condition     = nonsensitive(aws_secretsmanager_secret_version.this.secret_string) == "whsec_${base64encode("from-secrets-manager")}"
    error_message = "The secret must have its prefix and be in base64."
  }
}

run "another_random_password_does_not_change_it" {
  command = plan

  module {
    source = "../../modules/generated_secret"
  }

  variables {
    name        = "things/key"
    description = "test"
    prefix      = "whsec_"
    base64      = true
  }

  override_data {
    target = data.aws_secretsmanager_random_password.this
    values = { random_password = "another-one" }
  }

  assert {
    condition     = nonsensitive(aws_secretsmanager_secret_version.this.secret_string) == "whsec_${base64encode("from-secrets-manager")}"
    error_message = "The secret must stay what it was at first."
  }
}
