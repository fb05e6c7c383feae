# The tasks service: HTTP API -> function -> DynamoDB, with a dashboard, and alarms that a mail address is told of.

locals {
  # Where `staticfire` builds the packages. Relative, so that the path is the same wherever the project lies.
  build = "${path.root}/../../../.staticfire/build"
  packages = {
    tasks = coalesce(var.packages.tasks, "${local.build}/tasks.zip")
    layer = coalesce(var.packages.layer, "${local.build}/layer.zip")
  }

  function = "${var.name}-api"
  routes   = ["POST /tasks", "GET /tasks", "GET /tasks/{id}", "PUT /tasks/{id}", "DELETE /tasks/{id}"]
}

data "aws_region" "current" {}

module "table" {
  source = "../../modules/table"

  name                = var.name
  hash_key            = "id"
  deletion_protection = var.deletion_protection

  indexes = { by-status = { hash_key = "status", range_key = "id" } }
}

resource "aws_lambda_layer_version" "this" {
  layer_name          = var.name
  description         = "servicekit"
  filename            = local.packages.layer
  source_code_hash    = filebase64sha256(local.packages.layer)
  compatible_runtimes = [var.runtime]
}

module "api" {
  source = "../../modules/function"

  name               = local.function
  description        = "Answers the API's routes."
  package            = local.packages.tasks
  handler            = "tasks.api.handler"
  runtime            = var.runtime
  architecture       = var.architecture
  layers             = [aws_lambda_layer_version.this.arn]
  timeout            = 15
  environment        = { TABLE_NAME = module.table.name }
  log_retention_days = var.log_retention_days

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

module "http_api" {
  source = "../../modules/http_api"

  name               = var.name
  description        = "Tasks."
  throttling         = var.throttling
  cors               = var.cors
  log_retention_days = var.log_retention_days

  routes = { for route in local.routes : route => { function_name = module.api.name, invoke_arn = module.api.invoke_arn } }
}

# What is seen of it, and who is told.

module "alerts" {
  source = "../../modules/alerts"

  name  = "${var.name}-alerts"
  email = var.alert_email == "" ? null : var.alert_email
}

module "alarms" {
  source = "../../modules/alarms"

  period  = var.alarm_period
  actions = [module.alerts.topic_arn]

  metrics = {
    "${var.name}-LambdaErrorAlarm" = {
      description = "An invocation of ${local.function} ended in an error."
      namespace   = "AWS/Lambda"
      metric      = "Errors"
      dimensions  = { FunctionName = module.api.name }
      threshold   = 0
    }
    "${var.name}-LambdaDurationAlarm" = {
      description = "An invocation of ${local.function} took over ${var.duration_limit} ms."
      namespace   = "AWS/Lambda"
      metric      = "Duration"
      dimensions  = { FunctionName = module.api.name }
      statistic   = "Maximum"
      threshold   = var.duration_limit
    }
  }
}

module "dashboard" {
  source = "../../modules/dashboard"

  name      = var.name
  region    = data.aws_region.current.name
  functions = [module.api.name]
}
