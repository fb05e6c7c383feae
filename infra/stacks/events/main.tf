# The events service: HTTP API -> function -> DynamoDB. No server runs, and nothing is in a VPC.

locals {
  # Where `staticfire` builds the packages. Relative, so that the path is the same wherever the project lies.
  build = "${path.root}/../../../.staticfire/build"
  packages = {
    events = coalesce(var.packages.events, "${local.build}/events.zip")
    layer  = coalesce(var.packages.layer, "${local.build}/layer.zip")
  }

  signs       = var.signatures != "off"
  secret_arns = module.signature_secret[*].arn
  environment = {
    TABLE_NAME     = module.table.name
    RETENTION_DAYS = tostring(var.retention_days)
    INDEX_SHARDS   = tostring(var.index_shards)
    SIGNATURES     = var.signatures
  }
}

module "table" {
  source = "../../modules/table"

  name                   = var.name
  hash_key               = "event_id"
  stream_view_type       = "NEW_IMAGE"
  point_in_time_recovery = var.point_in_time_recovery
  deletion_protection    = var.deletion_protection

  indexes = {
    by-type-and-day = {
      hash_key  = "type_day"
      range_key = "received_at"
      include   = ["type", "source", "time"]
    }
  }
}

module "signature_secret" {
  source = "../../modules/generated_secret"
  count  = local.signs ? 1 : 0

  name                 = "${var.name}/signature"
  description          = "What senders sign their webhooks with."
  prefix               = "whsec_"
  base64               = true
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
  description          = "Answers POST /events and POST /events/batch."
  package              = local.packages.events
  handler              = "events.api.handler"
  runtime              = var.runtime
  architecture         = var.architecture
  layers               = [aws_lambda_layer_version.this.arn]
  timeout              = 25
  memory_size          = var.api_memory_size
  reserved_concurrency = var.api_concurrency
  environment          = merge(local.environment, { for arn in local.secret_arns : "SIGNATURE_SECRET_ARN" => arn })
  log_retention_days   = var.log_retention_days

  statements = merge(
    {
      StoreEvents = {
        actions   = ["dynamodb:PutItem"]
        resources = [module.table.arn]
      }
    },
    local.signs ? { ReadSignatureSecret = { actions = ["secretsmanager:GetSecretValue"], resources = local.secret_arns } } : {},
  )
}

module "http_api" {
  source = "../../modules/http_api"

  name               = var.name
  description        = "Takes events."
  throttling         = var.throttling
  cors               = var.cors
  log_retention_days = var.log_retention_days

  routes = {
    "POST /events"       = { function_name = module.api.name, invoke_arn = module.api.invoke_arn }
    "POST /events/batch" = { function_name = module.api.name, invoke_arn = module.api.invoke_arn }
  }
}

module "alarms" {
  source = "../../modules/alarms"

  functions = ["${var.name}-api"]
  apis      = { (var.name) = { id = module.http_api.id, stage = module.http_api.stage } }
  actions   = var.alarm_actions
}
