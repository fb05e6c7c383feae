# What holds in every environment. tests/infra plans it with the variables of each file in environments/.

mock_provider "aws" {
  source = "../../mocks"
}

variables {
  packages = {
    gateway = "versions.tf"
    layer   = "versions.tf"
  }
}

run "the_environment_is_protected_as_it_should_be" {
  command = plan

  assert {
    condition     = var.environment != "prod" || (var.deletion_protection && var.point_in_time_recovery && module.service.settings.log_retention_days >= 90)
    error_message = "prod must be protected, restorable, and keep its logs for 90 days."
  }

  assert {
    condition     = var.environment != "staging" || (var.point_in_time_recovery && !var.deletion_protection)
    error_message = "staging must be restorable as prod is, and can be deleted."
  }

  assert {
    condition     = var.name == "gateway" || var.name == "gateway-${var.environment}"
    error_message = "An environment's name must say which it is, so that all can live in one account."
  }
}
