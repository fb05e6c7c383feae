# What the stack is, checked on plans and applies against a mocked provider: no account, no network, a few seconds.

mock_provider "aws" {
  source = "../../mocks"

  mock_resource "aws_acm_certificate" {
    defaults = {
      arn = "arn:aws:acm:eu-central-1:111122223333:certificate/mock"
      domain_validation_options = [{
        domain_name           = "api.example.com"
        resource_record_name  = "_proof.api.example.com"
        resource_record_type  = "CNAME"
        resource_record_value = "_value.acm-validations.aws"
      }]
    }
  }

  mock_resource "aws_apigatewayv2_domain_name" {
    defaults = {
      domain_name_configuration = {
        target_domain_name = "d-mock.execute-api.eu-central-1.amazonaws.com"
        hosted_zone_id     = "Z1"
      }
    }
  }
}

variables {
  packages = {
    gateway = "versions.tf"
    layer   = "versions.tf"
  }
}

run "requests_are_throttled_and_nothing_costs_while_nobody_asks" {
  assert {
    condition     = module.service.settings.throttling == { rate = 2000, burst = 5000 }
    error_message = "The stage must take 2000 requests a second, and bursts of 5000."
  }

  assert {
    condition     = length(module.custom_domain) == 0 && length(module.budget) == 0 && output.custom_url == null
    error_message = "A domain and a budget are made only where they are asked for."
  }

  assert {
    condition     = length(module.service.subnet_ids["api"]) == 0
    error_message = "The function needs no VPC, so no NAT gateway."
  }
}

run "the_function_may_do_only_what_it_needs" {
  assert {
    condition = { for statement in jsondecode(module.service.policies["api"]).Statement : statement.Sid => statement.Action } == {
      WriteOwnLogs       = ["logs:CreateLogStream", "logs:PutLogEvents"]
      ReadTokenSecret    = ["secretsmanager:GetSecretValue"]
      KeepSessions       = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
      FindSessionsOfUser = ["dynamodb:Query"]
      CountRequests      = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
    }
    error_message = "The function may do more, or less, than it needs."
  }

  assert {
    condition     = !contains(flatten([for statement in jsondecode(module.service.policies["api"]).Statement : statement.Resource]), "*")
    error_message = "No statement may be for all resources."
  }
}

run "it_may_invoke_the_functions_that_are_upstreams_and_no_others" {
  variables {
    upstreams = {
      orders = { function = "orders-api" }
      files  = { url = "https://files.example" }
    }
  }

  assert {
    condition = one([
      for statement in jsondecode(module.service.policies["api"]).Statement : statement.Resource if statement.Sid == "InvokeUpstreams"
    ]) == ["arn:aws:lambda:eu-central-1:111122223333:function:orders-api"]
    error_message = "The role must name the functions that are upstreams."
  }
}

run "what_is_not_set_is_left_to_the_function" {
  command = plan

  variables {
    upstreams = { files = { url = "https://files.example" } }
    routes    = { "GET /files/{path+}" = { upstream = "files", auth = "none" } }
  }

  assert {
    condition = jsondecode(local.configuration) == {
      upstreams = { files = { url = "https://files.example" } }
      limits    = {}
      routes    = { "GET /files/{path+}" = { upstream = "files", auth = "none" } }
      tokens    = { issuer = "gateway", audience = "gateway" }
      sessions  = { seconds = 43200 }
    }
    error_message = "The function's configuration must hold what was set, and nothing else."
  }
}

run "a_domain_and_a_budget_are_there_where_they_are_asked_for" {
  variables {
    custom_domain = { name = "api.example.com", zone_id = "Z2" }
    budget        = { monthly_usd = 25, emails = ["ops@example.com"] }
  }

  assert {
    condition     = output.custom_url == "https://api.example.com"
    error_message = "The output must name the domain."
  }

  assert {
    condition     = module.budget[0].name == var.name
    error_message = "There must be a budget."
  }
}

run "keys_are_never_read_over_plain_http" {
  command = plan

  variables {
    tokens = { issuer = "i", audience = "a", jwks_url = "http://issuer.example/keys" }
  }

  expect_failures = [var.tokens]
}

run "an_upstream_is_a_server_or_a_function" {
  command = plan

  variables {
    upstreams = { both = { url = "https://x.example", function = "f" } }
  }

  expect_failures = [var.upstreams]
}

run "who_may_call_a_route_must_be_one_of_the_four" {
  command = plan

  variables {
    upstreams = { a = { function = "f" } }
    routes    = { "GET /" = { upstream = "a", auth = "maybe" } }
  }

  expect_failures = [var.routes]
}

run "an_unknown_environment_is_refused" {
  command = plan

  variables {
    environment = "test"
  }

  expect_failures = [var.environment]
}

# What the modules make, looked at from inside.

run "a_domain_is_proven_encrypted_and_leads_to_the_stage" {
  module {
    source = "../../modules/custom_domain"
  }

  variables {
    domain_name = "api.example.com"
    zone_id     = "Z2"
    api_id      = "api"
    stage       = "v1"
  }

  assert {
    condition     = aws_route53_record.proof.name == "_proof.api.example.com" && aws_acm_certificate.this.validation_method == "DNS"
    error_message = "The certificate must be proven in the zone."
  }

  assert {
    condition     = one(aws_apigatewayv2_domain_name.this.domain_name_configuration).security_policy == "TLS_1_2"
    error_message = "The domain must speak TLS 1.2 at least."
  }

  assert {
    condition     = toset([for record in aws_route53_record.address : record.type]) == toset(["A", "AAAA"])
    error_message = "The name must lead to the API by IPv4 and IPv6."
  }

  assert {
    condition     = aws_apigatewayv2_api_mapping.this.stage == "v1"
    error_message = "The domain must lead to the stage."
  }
}

run "a_budget_tells_before_it_is_spent" {
  module {
    source = "../../modules/budget"
  }

  variables {
    name        = "gateway"
    monthly_usd = 25
    emails      = ["ops@example.com"]
    tag         = { key = "stack", value = "gateway" }
  }

  assert {
    condition     = { for notification in aws_budgets_budget.this.notification : "${notification.notification_type}-${notification.threshold}" => notification.subscriber_email_addresses } == { for name in ["ACTUAL-80", "ACTUAL-100", "FORECASTED-100"] : name => toset(["ops@example.com"]) }
    error_message = "Mail must go out at 80 %, at 100 %, and when 100 % are forecast."
  }

  assert {
    condition     = one(aws_budgets_budget.this.cost_filter).values == tolist(["user:stack$gateway"])
    error_message = "Only what carries the tag must count."
  }
}

run "a_budget_that_tells_nobody_is_refused" {
  command = plan

  module {
    source = "../../modules/budget"
  }

  variables {
    name        = "gateway"
    monthly_usd = 25
    emails      = []
    tag         = { key = "stack", value = "gateway" }
  }

  expect_failures = [var.emails]
}

run "the_function_can_be_an_image" {
  variables {
    package   = "image"
    image_tag = "7"
  }

  assert {
    condition     = one(aws_ecr_repository.image).image_tag_mutability == "IMMUTABLE" && output.repository_url == one(aws_ecr_repository.image).repository_url
    error_message = "The image must have a repository whose tags mean one image each."
  }
}

run "a_zip_needs_no_repository" {
  command = plan

  assert {
    condition     = length(aws_ecr_repository.image) == 0 && output.repository_url == null
    error_message = "A repository is for an image."
  }
}
