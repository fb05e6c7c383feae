# The gateway service: HTTP API -> function -> upstreams, with sessions and rate limits in DynamoDB. Nothing is in a VPC.

locals {
  # What is not set is left out: the function knows the defaults.
  configuration = jsonencode({
    upstreams = { for name, upstream in var.upstreams : name => { for key, value in upstream : key => value if value != null } }
    limits    = { for name, limit in var.limits : name => { for key, value in limit : key => value if value != null } }
    routes    = { for key, route in var.routes : key => { for name, value in route : name => value if value != null } }
    tokens    = { for key, value in var.tokens : key => value if value != null }
    sessions  = { seconds = var.session_seconds }
  })

  # arn:PARTITION:dynamodb:REGION:ACCOUNT:table/NAME
  arn_parts     = split(":", module.sessions.arn)
  function_arns = [for upstream in var.upstreams : "arn:${local.arn_parts[1]}:lambda:${local.arn_parts[3]}:${local.arn_parts[4]}:function:${upstream.function}" if upstream.function != null]

  own_routes = [
    "GET /health/live",
    "GET /health/ready",
    "POST /auth/login",
    "GET /auth/session",
    "POST /auth/logout",
    "POST /auth/logout-all",
    "ANY /",
    "ANY /{proxy+}",
  ]
}

module "sessions" {
  source = "../../modules/table"

  name                   = "${var.name}-sessions"
  hash_key               = "session_id"
  indexes                = { user_id = { hash_key = "user_id", include = ["generation"] } }
  point_in_time_recovery = var.point_in_time_recovery
  deletion_protection    = var.deletion_protection
}

# Counters of minutes: nothing to restore, nothing to protect.
module "rate_limits" {
  source = "../../modules/table"

  name                   = "${var.name}-rate-limits"
  hash_key               = "limiter_key"
  range_key              = "window_start"
  key_types              = { window_start = "N" }
  point_in_time_recovery = false
  deletion_protection    = false
}

module "token_secret" {
  source = "../../modules/generated_secret"

  name                 = "${var.name}/tokens"
  description          = "What tokens for the gateway are signed with (HS256)."
  recovery_window_days = var.deletion_protection ? 30 : 0
}

# An image must be there before its function: apply with -target=aws_ecr_repository.image, push, then apply.
resource "aws_ecr_repository" "image" {
  count = var.package == "image" ? 1 : 0

  name                 = var.name
  image_tag_mutability = "IMMUTABLE"
  force_delete         = !var.deletion_protection

  image_scanning_configuration {
    scan_on_push = true
  }
}

module "service" {
  source = "../../modules/service"

  name        = var.name
  description = "One front for many upstreams."
  packages    = var.packages
  image       = var.package == "image" ? "${aws_ecr_repository.image[0].repository_url}:${var.image_tag}" : null
  settings    = merge({ throttling = { rate = 2000, burst = 5000 } }, var.service_settings)
  routes      = { for route in local.own_routes : route => "api" }

  cors_headers = {
    allow  = ["authorization", "content-type", "idempotency-key"]
    expose = ["ratelimit", "ratelimit-policy", "retry-after", "x-request-id"]
  }

  functions = {
    api = {
      description = "Authenticates, counts, and sends requests on to their upstreams."
      package     = "gateway"
      handler     = "gateway.api.handler"
      timeout     = 29

      variables = {
        GATEWAY_CONFIGURATION = local.configuration
        SESSIONS_TABLE_NAME   = module.sessions.name
        LIMITS_TABLE_NAME     = module.rate_limits.name
        TOKEN_SECRET_ARN      = module.token_secret.arn
      }

      statements = merge(
        {
          ReadTokenSecret = {
            actions   = ["secretsmanager:GetSecretValue"]
            resources = [module.token_secret.arn]
          }
          KeepSessions = {
            actions   = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
            resources = [module.sessions.arn]
          }
          FindSessionsOfUser = {
            actions   = ["dynamodb:Query"]
            resources = values(module.sessions.index_arns)
          }
          CountRequests = {
            actions   = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
            resources = [module.rate_limits.arn]
          }
        },
        length(local.function_arns) == 0 ? {} : {
          InvokeUpstreams = {
            actions   = ["lambda:InvokeFunction"]
            resources = local.function_arns
          }
        },
      )
    }
  }
}

module "custom_domain" {
  source = "../../modules/custom_domain"
  count  = var.custom_domain == null ? 0 : 1

  domain_name = var.custom_domain.name
  zone_id     = var.custom_domain.zone_id
  api_id      = module.service.api_id
  stage       = module.service.stage
}

module "budget" {
  source = "../../modules/budget"
  count  = var.budget == null ? 0 : 1

  name        = var.name
  monthly_usd = var.budget.monthly_usd
  emails      = var.budget.emails
  tag         = { key = "stack", value = var.name }
}
