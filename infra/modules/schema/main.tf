# The function that brings a database's schema up to date, and its one invocation.

module "function" {
  source = "../function"

  name               = var.name
  description        = "Brings the database's schema up to date."
  package            = var.package
  handler            = var.handler
  runtime            = var.runtime
  architecture       = var.architecture
  layers             = var.layers
  timeout            = 900
  memory_size        = 256
  environment        = var.environment
  subnet_ids         = var.subnet_ids
  security_group_ids = var.security_group_ids
  statements         = var.statements
  log_retention_days = var.log_retention_days
}

# Once for each state of the schema package, and for each database; not on every apply.
resource "aws_lambda_invocation" "this" {
  function_name = module.function.name
  input         = jsonencode({})

  triggers = {
    schema   = filesha256(var.package)
    database = var.database
  }
}
