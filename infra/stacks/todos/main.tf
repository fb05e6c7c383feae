# The todos service: HTTP API -> function -> Postgres (the users) and DynamoDB (their todos).

locals {
  # The same API in either language; the schema and the reconciler are Python's.
  api = {
    python = { package = "todos", handler = "todos.api.handler", runtime = null }
    nodejs = { package = "todos_node", handler = "index.handler", runtime = "nodejs22.x" }
  }

  routes = [
    "GET /health",
    "POST /users",
    "GET /users/{id}",
    "DELETE /users/{id}",
    "GET /users/{id}/todos",
    "POST /users/{id}/todos",
    "PUT /todos/{id}",
    "DELETE /todos/{id}",
    "GET /dashboard/{id}",
  ]
}

module "database" {
  source = "../../modules/database"

  name                = var.name
  service             = "todos"
  given               = var.database
  settings            = var.database_settings
  deletion_protection = var.deletion_protection
}

module "table" {
  source = "../../modules/table"

  name                = var.name
  range_key           = "sk"
  deletion_protection = var.deletion_protection
}

module "service" {
  source = "../../modules/service"

  name              = var.name
  description       = "Users and their todos."
  packages          = var.packages
  settings          = var.service_settings
  database          = module.database.access
  schema            = { package = "todos_schema", handler = "todos.schema.init.handler" }
  database_identity = module.database.identity
  routes            = { for route in local.routes : route => "api" }

  functions = {
    api = {
      description = "Answers the API's routes."
      package     = local.api[var.language].package
      handler     = local.api[var.language].handler
      runtime     = local.api[var.language].runtime
      timeout     = 25
      variables   = { TABLE_NAME = module.table.name }

      statements = {
        KeepTodos = {
          actions = [
            "dynamodb:BatchWriteItem",
            "dynamodb:DeleteItem",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:Query",
            "dynamodb:UpdateItem",
          ]
          resources = [module.table.arn]
        }
      }
    }

    reconcile = {
      description = "Finishes the deletions of users that something interrupted."
      package     = "todos"
      handler     = "todos.reconcile.handler"
      timeout     = 300
      schedule    = var.reconcile_schedule
      variables   = { TABLE_NAME = module.table.name }

      statements = {
        DeleteTodos = {
          actions   = ["dynamodb:BatchWriteItem", "dynamodb:Query", "dynamodb:UpdateItem"]
          resources = [module.table.arn]
        }
      }
    }
  }
}
