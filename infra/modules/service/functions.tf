# The functions, those that a schedule invokes, and the one that brings the database's schema up to date. The schema comes
# before the code that needs it: when it fails, the old code stays.

locals {
  schema         = var.schema == null ? toset([]) : toset(["init"])
  function_names = { for name in setunion(keys(var.functions), local.schema) : name => "${var.name}-${name}" }
  functions      = { for name, function in var.functions : name => merge(function, try(local.settings.functions[name], {})) }
  schedules      = { for name, function in var.functions : name => function.schedule if function.schedule != null }
  # Powertools' logs and metrics say whose they are.
  variables = merge({ POWERTOOLS_SERVICE_NAME = var.name, POWERTOOLS_METRICS_NAMESPACE = var.name }, try(var.database.variables, {}))
}

resource "aws_lambda_function" "schema" {
  for_each = local.schema

  function_name = local.function_names[each.key]
  description   = "Brings the database's schema up to date."
  role          = aws_iam_role.this[each.key].arn

  runtime       = local.settings.runtime
  architectures = [local.settings.architecture]
  handler       = var.schema.handler
  layers        = aws_lambda_layer_version.this[*].arn

  s3_bucket        = aws_s3_object.package[var.schema.package].bucket
  s3_key           = aws_s3_object.package[var.schema.package].key
  source_code_hash = filebase64sha256(local.paths[var.schema.package])

  memory_size = 256
  timeout     = 900

  environment {
    variables = local.variables
  }

  vpc_config {
    subnet_ids         = var.database.subnet_ids
    security_group_ids = var.database.security_group_ids
  }

  logging_config {
    log_format            = "JSON"
    log_group             = aws_cloudwatch_log_group.function[each.key].name
    application_log_level = "INFO"
    system_log_level      = "INFO"
  }

  depends_on = [aws_iam_role_policy.function, aws_iam_role_policy.vpc]
}

# Once for each state of the schema's package, and for each database; not on every apply.
resource "aws_lambda_invocation" "schema" {
  for_each = local.schema

  function_name = aws_lambda_function.schema[each.key].function_name
  input         = jsonencode({})

  triggers = {
    schema   = filesha256(local.paths[var.schema.package])
    database = var.database_identity
  }
}

resource "aws_lambda_function" "this" {
  for_each = local.functions

  function_name = local.function_names[each.key]
  description   = each.value.description
  role          = aws_iam_role.this[each.key].arn

  architectures = [local.settings.architecture]
  package_type  = var.image == null ? "Zip" : "Image"
  image_uri     = var.image
  runtime       = var.image == null ? coalesce(each.value.runtime, local.settings.runtime) : null
  handler       = var.image == null ? each.value.handler : null
  layers        = each.value.runtime == null ? aws_lambda_layer_version.this[*].arn : []

  s3_bucket        = var.image == null ? aws_s3_object.package[each.value.package].bucket : null
  s3_key           = var.image == null ? aws_s3_object.package[each.value.package].key : null
  source_code_hash = var.image == null ? filebase64sha256(local.paths[each.value.package]) : null

  dynamic "image_config" {
    for_each = var.image[*]

    content {
      command = [each.value.handler]
    }
  }

  memory_size                    = each.value.memory_size
  timeout                        = each.value.timeout
  reserved_concurrent_executions = each.value.concurrency

  environment {
    variables = merge(local.variables, each.value.variables)
  }

  dynamic "vpc_config" {
    for_each = var.database[*]

    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  logging_config {
    log_format            = "JSON"
    log_group             = aws_cloudwatch_log_group.function[each.key].name
    application_log_level = "INFO"
    system_log_level      = "INFO"
  }

  lifecycle {
    precondition {
      condition     = length(setsubtract(keys(local.settings.functions), keys(var.functions))) == 0
      error_message = "functions of settings must name functions of the service: ${join(", ", keys(var.functions))}."
    }
  }

  depends_on = [aws_iam_role_policy.function, aws_iam_role_policy.vpc, aws_lambda_invocation.schema]
}

resource "aws_cloudwatch_event_rule" "schedule" {
  for_each = local.schedules

  name                = local.function_names[each.key]
  description         = "Invokes ${local.function_names[each.key]}."
  schedule_expression = each.value
}

resource "aws_cloudwatch_event_target" "schedule" {
  for_each = local.schedules

  rule = aws_cloudwatch_event_rule.schedule[each.key].name
  arn  = aws_lambda_function.this[each.key].arn
}

resource "aws_lambda_permission" "schedule" {
  for_each = local.schedules

  statement_id  = "schedule"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this[each.key].function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.schedule[each.key].arn
}
