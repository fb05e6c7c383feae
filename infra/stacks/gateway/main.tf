# The gateway service: HTTP API -> function -> upstreams, with sessions and rate limits in DynamoDB. Nothing is in a VPC.

locals {
  # Where `staticfire` builds the packages. Relative, so that the path is the same wherever the project lies.
  build = "${path.root}/../../../.staticfire/build"
  packages = {
    gateway = coalesce(var.packages.gateway, "${local.build}/gateway.zip")
    layer   = coalesce(var.packages.layer, "${local.build}/layer.zip")
  }

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

resource "aws_lambda_layer_version" "this" {
  layer_name          = var.name
  description         = "servicekit and pg8000"
  filename            = local.packages.layer
  source_code_hash    = filebase64sha256(local.packages.layer)
  compatible_runtimes = [var.runtime]
}

module "api" {
  source = "../../modules/function"

  name                 = "${var.name}-api"
  description          = "Authenticates, counts, and sends requests on to their upstreams."
  package              = local.packages.gateway
  handler              = "gateway.api.handler"
  runtime              = var.runtime
  architecture         = var.architecture
  layers               = [aws_lambda_layer_version.this.arn]
  timeout              = 29
  memory_size          = var.api_memory_size
  reserved_concurrency = var.api_concurrency
  log_retention_days   = var.log_retention_days

  environment = {
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

module "http_api" {
  source = "../../modules/http_api"

  name               = var.name
  description        = "One front for many upstreams."
  throttling         = var.throttling
  cors               = var.cors
  log_retention_days = var.log_retention_days
  routes             = { for key in local.own_routes : key => { function_name = module.api.name, invoke_arn = module.api.invoke_arn } }
}

module "alarms" {
  source = "../../modules/alarms"

  functions = ["${var.name}-api"]
  apis      = { (var.name) = { id = module.http_api.id, stage = module.http_api.stage } }
  actions   = var.alarm_actions
}

module "custom_domain" {
  source = "../../modules/custom_domain"
  count  = var.custom_domain == null ? 0 : 1

  domain_name = var.custom_domain.name
  zone_id     = var.custom_domain.zone_id
  api_id      = module.http_api.id
  stage       = module.http_api.stage
}

module "budget" {
  source = "../../modules/budget"
  count  = var.budget == null ? 0 : 1

  name        = var.name
  monthly_usd = var.budget.monthly_usd
  emails      = var.budget.emails
  tag         = { key = "stack", value = var.name }
}
