# The usage service: HTTP API -> function -> Postgres (the events) and DynamoDB (aggregates).

data "aws_region" "current" {}

data "aws_availability_zones" "available" {
  state = "available"
}

locals {
  # Where `staticfire` builds the packages. Relative, so that the path is the same wherever the project lies.
  build = "${path.root}/../../../.staticfire/build"
  packages = {
    usage  = coalesce(var.packages.usage, "${local.build}/usage.zip")
    schema = coalesce(var.packages.schema, "${local.build}/schema.zip")
    layer  = coalesce(var.packages.layer, "${local.build}/layer.zip")
  }

  creates_database = nonsensitive(var.database == null)
  connection       = local.creates_database ? module.postgres[0].connection : var.database
  database_port    = local.creates_database ? module.postgres[0].port : nonsensitive(var.database.port)

  # RDS always encrypts; a given server may not be able to.
  database_tls = var.database_ca_file != null ? "verify" : local.creates_database ? "require" : "prefer"
  database_environment = {
    DATABASE_SECRET_ARN = module.secret.arn
    DATABASE_TLS        = local.database_tls
  }

  read_secret = {
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [module.secret.arn]
  }
}

module "network" {
  source = "../../modules/network"

  name               = var.name
  region             = data.aws_region.current.name
  cidr               = var.vpc_cidr
  availability_zones = slice(data.aws_availability_zones.available.names, 0, 2)
  nat_per_zone       = var.nat_per_zone
}

# What the functions may reach: the AWS services, and Postgres.

resource "aws_security_group" "functions" {
  name        = "${var.name}-functions"
  description = "The usage service's functions."
  vpc_id      = module.network.vpc_id

  tags = { Name = "${var.name}-functions" }
}

resource "aws_vpc_security_group_egress_rule" "https" {
  security_group_id = aws_security_group.functions.id
  description       = "AWS services"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "postgres" {
  security_group_id = aws_security_group.functions.id
  description       = "Postgres"
  cidr_ipv4         = local.creates_database ? module.network.vpc_cidr : "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = local.database_port
  to_port           = local.database_port
}

# The two stores.

module "postgres" {
  source = "../../modules/postgres"
  count  = local.creates_database ? 1 : 0

  name                = var.name
  vpc_id              = module.network.vpc_id
  subnet_ids          = module.network.private_subnet_ids
  clients             = { functions = aws_security_group.functions.id }
  database            = "usage"
  username            = "usage"
  instance_class      = var.database_instance_class
  multi_az            = var.database_multi_az
  deletion_protection = var.deletion_protection
}

module "secret" {
  source = "../../modules/secret"

  name                 = "${var.name}/database"
  description          = "How the usage service connects to Postgres."
  connection           = local.connection
  ca                   = var.database_ca_file == null ? null : file(var.database_ca_file)
  recovery_window_days = var.deletion_protection ? 30 : 0
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

module "init" {
  source = "../../modules/function"

  name               = "${var.name}-init"
  description        = "Brings the database's schema up to date."
  package            = local.packages.schema
  handler            = "usage_schema.init.handler"
  runtime            = var.runtime
  architecture       = var.architecture
  layers             = [aws_lambda_layer_version.this.arn]
  timeout            = 900
  memory_size        = 256
  environment        = local.database_environment
  subnet_ids         = module.network.private_subnet_ids
  security_group_ids = [aws_security_group.functions.id]
  statements         = { ReadDatabaseSecret = local.read_secret }
  log_retention_days = var.log_retention_days
}

# Once for each state of the schema package, and for each database; not on every apply.
resource "aws_lambda_invocation" "init" {
  function_name = module.init.name
  input         = jsonencode({})

  triggers = {
    schema   = filesha256(local.packages.schema)
    database = nonsensitive("${local.connection.host}:${local.connection.port}/${local.connection.name}")
  }

  depends_on = [
    aws_vpc_security_group_egress_rule.https,
    aws_vpc_security_group_egress_rule.postgres,
    module.network,
    module.postgres,
  ]
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
  environment          = merge(local.database_environment, { TABLE_NAME = module.table.name })
  subnet_ids           = module.network.private_subnet_ids
  security_group_ids   = [aws_security_group.functions.id]
  log_retention_days   = var.log_retention_days

  statements = {
    ReadDatabaseSecret = local.read_secret
    KeepAggregates = {
      actions   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
      resources = [module.table.arn]
    }
  }

  depends_on = [aws_lambda_invocation.init]
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
  environment        = merge(local.database_environment, { TABLE_NAME = module.table.name })
  subnet_ids         = module.network.private_subnet_ids
  security_group_ids = [aws_security_group.functions.id]
  log_retention_days = var.log_retention_days

  statements = {
    ReadDatabaseSecret = local.read_secret
    RepairAggregates = {
      actions   = ["dynamodb:BatchGetItem", "dynamodb:UpdateItem"]
      resources = [module.table.arn]
    }
  }

  invokers = {
    schedule = {
      principal  = "events.amazonaws.com"
      source_arn = aws_cloudwatch_event_rule.reconcile.arn
    }
  }

  depends_on = [aws_lambda_invocation.init]
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
