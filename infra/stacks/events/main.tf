# The events service: HTTP API -> function -> DynamoDB. No server runs, and nothing is in a VPC.

locals {
  secret_arns = module.signature_secret[*].arn
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
  count  = var.signatures == "off" ? 0 : 1

  name                 = "${var.name}/signature"
  description          = "What senders sign their webhooks with."
  prefix               = "whsec_"
  base64               = true
  recovery_window_days = var.deletion_protection ? 30 : 0
}

module "service" {
  source = "../../modules/service"

  name        = var.name
  description = "Takes events."
  packages    = var.packages
  settings    = var.service_settings

  routes = {
    "POST /events"       = "api"
    "POST /events/batch" = "api"
  }

  functions = {
    api = {
      description = "Answers POST /events and POST /events/batch."
      package     = "events"
      handler     = "events.api.handler"
      timeout     = 25

      variables = merge(
        {
          TABLE_NAME     = module.table.name
          RETENTION_DAYS = tostring(var.retention_days)
          INDEX_SHARDS   = tostring(var.index_shards)
          SIGNATURES     = var.signatures
        },
        { for arn in local.secret_arns : "SIGNATURE_SECRET_ARN" => arn },
      )

      statements = merge(
        {
          StoreEvents = {
            actions   = ["dynamodb:PutItem"]
            resources = [module.table.arn]
          }
        },
        { for arn in local.secret_arns : "ReadSignatureSecret" => { actions = ["secretsmanager:GetSecretValue"], resources = [arn] } },
      )
    }
  }
}
