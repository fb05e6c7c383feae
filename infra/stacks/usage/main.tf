# The usage service: HTTP API -> function -> Postgres (the events) and DynamoDB (aggregates).

locals {
  # Where `staticfire` builds the packages. Relative, so that the path is the same wherever the project lies.
  build = "${path.root}/../../../.staticfire/build"
  packages = {
    usage  = coalesce(var.packages.usage, "${local.build}/usage.zip")
    schema = coalesce(var.packages.schema, "${local.build}/schema.zip")
    layer  = coalesce(var.packages.layer, "${local.build}/layer.zip")
  }
}

# The two stores.

module "database" {
  source = "../../modules/database"

  name                = var.name
  service             = "usage"
  given               = var.database
  ca_file             = var.database_ca_file
  instance_class      = var.database_instance_class
  multi_az            = var.database_multi_az
  deletion_protection = var.deletion_protection
  vpc_cidr            = var.vpc_cidr
  nat_per_zone        = var.nat_per_zone
}

module "table" {
  source = "../../modules/table"

  name                = var.name
  deletion_protection = var.deletion_protection
}

# The functions. The schema comes before the code that needs it.

resource "aws_lambda_layer_version" "this" {
  layer_name          = var.name
  description         = "servicekit and pg8000"
  filename            = local.packages.layer
  source_code_hash    = filebase64sha256(local.packages.layer)
  compatible_runtimes = [var.runtime]
}

module "schema" {
  source = "../../modules/schema"

  name               = "${var.name}-init"
  database           = module.database.identity
  package            = local.packages.schema
  handler            = "usage.schema.init.handler"
  runtime            = var.runtime
  architecture       = var.architecture
  layers             = [aws_lambda_layer_version.this.arn]
  environment        = module.database.environment
  subnet_ids         = module.database.subnet_ids
  security_group_ids = module.database.security_group_ids
  statements         = module.database.statements
  log_retention_days = var.log_retention_days
}

module "api" {
  source = "../../modules/function"

  name                 = "${var.name}-api"
  description          = "Answers POST /usage and GET /stats/average."
  package              = local.packages.usage
  handler              = "usage.api.handler"
  runtime              = var.runtime
  architecture         = var.architecture
  layers               = [aws_lambda_layer_version.this.arn]
  timeout              = 25
  memory_size          = var.api_memory_size
  reserved_concurrency = var.api_concurrency
  environment          = merge(module.database.environment, { TABLE_NAME = module.table.name })
  subnet_ids           = module.database.subnet_ids
  security_group_ids   = module.database.security_group_ids
  log_retention_days   = var.log_retention_days

  statements = merge(module.database.statements, {
    KeepAggregates = {
      actions   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
      resources = [module.table.arn]
    }
  })

  depends_on = [module.schema]
}

module "reconcile" {
  source = "../../modules/function"

  name               = "${var.name}-reconcile"
  description        = "Brings the aggregates in DynamoDB to what Postgres says."
  package            = local.packages.usage
  handler            = "usage.reconcile.handler"
  runtime            = var.runtime
  architecture       = var.architecture
  layers             = [aws_lambda_layer_version.this.arn]
  timeout            = 300
  environment        = merge(module.database.environment, { TABLE_NAME = module.table.name })
  subnet_ids         = module.database.subnet_ids
  security_group_ids = module.database.security_group_ids
  log_retention_days = var.log_retention_days

  statements = merge(module.database.statements, {
    RepairAggregates = {
      actions   = ["dynamodb:BatchGetItem", "dynamodb:UpdateItem"]
      resources = [module.table.arn]
    }
  })

  invokers = {
    schedule = {
      principal  = "events.amazonaws.com"
      source_arn = aws_cloudwatch_event_rule.reconcile.arn
    }
  }

  depends_on = [module.schema]
}

resource "aws_cloudwatch_event_rule" "reconcile" {
  name                = "${var.name}-reconcile"
  description         = "Invokes the reconciler."
  schedule_expression = var.reconcile_schedule
}

resource "aws_cloudwatch_event_target" "reconcile" {
  rule = aws_cloudwatch_event_rule.reconcile.name
  arn  = module.reconcile.arn
}

# The front.

module "http_api" {
  source = "../../modules/http_api"

  name               = var.name
  description        = "Usage events and their averages."
  throttling         = var.throttling
  cors               = var.cors
  log_retention_days = var.log_retention_days

  routes = {
    "POST /usage"        = { function_name = module.api.name, invoke_arn = module.api.invoke_arn }
    "GET /stats/average" = { function_name = module.api.name, invoke_arn = module.api.invoke_arn }
  }
}

module "alarms" {
  source = "../../modules/alarms"

  functions = ["${var.name}-api", "${var.name}-init", "${var.name}-reconcile"]
  apis      = { (var.name) = { id = module.http_api.id, stage = module.http_api.stage } }
  actions   = var.alarm_actions
}

# Where these were before they were modules of their own: what was applied then stays.

moved {
  from = module.network
  to   = module.database.module.network
}

moved {
  from = module.postgres
  to   = module.database.module.postgres
}

moved {
  from = module.secret
  to   = module.database.module.secret
}

moved {
  from = aws_security_group.functions
  to   = module.database.aws_security_group.functions
}

moved {
  from = aws_vpc_security_group_egress_rule.https
  to   = module.database.aws_vpc_security_group_egress_rule.https
}

moved {
  from = aws_vpc_security_group_egress_rule.postgres
  to   = module.database.aws_vpc_security_group_egress_rule.postgres
}

moved {
  from = module.init
  to   = module.schema.module.function
}

moved {
  from = aws_lambda_invocation.init
  to   = module.schema.aws_lambda_invocation.this
}
