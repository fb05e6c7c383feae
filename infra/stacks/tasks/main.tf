# The tasks service: HTTP API, or REST API -> function -> DynamoDB, with a dashboard, and alarms that a mail address is told of.

locals {
  routes = ["POST /tasks", "GET /tasks", "GET /tasks/{id}", "PUT /tasks/{id}", "DELETE /tasks/{id}"]
}

data "aws_region" "current" {}

module "table" {
  source = "../../modules/table"

  name                = var.name
  hash_key            = "id"
  deletion_protection = var.deletion_protection

  indexes = { by-status = { hash_key = "status", range_key = "id" } }
}

module "service" {
  source = "../../modules/service"

  name         = var.name
  description  = "Tasks."
  packages     = var.packages
  settings     = merge({ alarm_actions = [module.alerts.topic_arn] }, var.service_settings)
  cors_headers = { allow = ["content-type", "if-match"], expose = ["etag", "location", "retry-after"] }
  api_kind     = var.api_kind
  routes       = { for route in local.routes : route => "api" }

  functions = {
    api = {
      description = "Answers the API's routes."
      package     = "tasks"
      handler     = "tasks.api.handler"
      timeout     = 15
      variables   = { TABLE_NAME = module.table.name }

      statements = {
        KeepTasks = {
          actions   = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"]
          resources = [module.table.arn]
        }
        ListTasks = {
          actions   = ["dynamodb:Query"]
          resources = [module.table.index_arns["by-status"]]
        }
      }
    }
  }

  alarms = {
    LambdaErrorAlarm = {
      description = "An invocation of ${var.name}-api ended in an error."
      function    = "api"
      metric      = "Errors"
      above       = 0
    }
    LambdaDurationAlarm = {
      description = "An invocation of ${var.name}-api took over ${var.duration_limit} ms."
      function    = "api"
      metric      = "Duration"
      statistic   = "Maximum"
      above       = var.duration_limit
    }
  }
}

# What is seen of it, and who is told.

module "alerts" {
  source = "../../modules/alerts"

  name  = "${var.name}-alerts"
  email = var.alert_email == "" ? null : var.alert_email
}

module "dashboard" {
  source = "../../modules/dashboard"

  name      = var.name
  region    = data.aws_region.current.name
  functions = [module.service.function_names["api"]]
}
