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
    condition = { for statement in jsondecode(module.service.policies["api"]).Statement : statement.Sid => [statement.Action, statement.Resource] } == {
      WriteOwnLogs        = [["logs:CreateLogStream", "logs:PutLogEvents"], "arn:aws:logs:eu-central-1:111122223333:log-group:mock:*"]
      StoreEvents         = [["dynamodb:PutItem"], ["arn:aws:dynamodb:eu-central-1:111122223333:table/mock"]]
      ReadSignatureSecret = [["secretsmanager:GetSecretValue"], ["arn:aws:secretsmanager:eu-central-1:111122223333:secret:mock"]]
    }
    error_message = "The function may do more, or less, than it needs."
  }

  assert {
    condition     = length(module.service.subnet_ids["api"]) == 0
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
    condition     = !contains([for statement in jsondecode(module.service.policies["api"]).Statement : statement.Sid], "ReadSignatureSecret")
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
