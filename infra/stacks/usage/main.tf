# The usage service: HTTP API -> function -> Postgres (the events) and DynamoDB (aggregates).

module "database" {
  source = "../../modules/database"

  name                = var.name
  service             = "usage"
  given               = var.database
  settings            = var.database_settings
  deletion_protection = var.deletion_protection
}

module "table" {
  source = "../../modules/table"

  name                = var.name
  deletion_protection = var.deletion_protection
}

module "service" {
  source = "../../modules/service"

  name              = var.name
  description       = "Usage events and their averages."
  packages          = var.packages
  settings          = var.service_settings
  database          = module.database.access
  schema            = { package = "schema", handler = "usage.schema.init.handler" }
  database_identity = module.database.identity
  cors_headers      = { allow = ["content-type", "idempotency-key"], expose = ["idempotent-replayed", "retry-after"] }

  routes = {
    "POST /usage"        = "api"
    "GET /stats/average" = "api"
  }

  functions = {
    api = {
      description = "Answers POST /usage and GET /stats/average."
      package     = "usage"
      handler     = "usage.api.handler"
      timeout     = 25
      variables   = { TABLE_NAME = module.table.name }

      statements = {
        KeepAggregates = {
          actions   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
          resources = [module.table.arn]
        }
      }
    }

    reconcile = {
      description = "Brings the aggregates in DynamoDB to what Postgres says."
      package     = "usage"
      handler     = "usage.reconcile.handler"
      timeout     = 300
      schedule    = var.reconcile_schedule
      variables   = { TABLE_NAME = module.table.name }

      statements = {
        RepairAggregates = {
          actions   = ["dynamodb:BatchGetItem", "dynamodb:UpdateItem"]
          resources = [module.table.arn]
        }
      }
    }
  }
}
