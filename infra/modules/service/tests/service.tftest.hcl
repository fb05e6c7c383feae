# What a service is made of, checked on plans and applies against a mocked provider.

mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name        = "things"
  description = "test"
  packages    = { code = "versions.tf", schema = "outputs.tf", layer = "main.tf" }

  functions = {
    api = {
      description = "test"
      package     = "code"
      handler     = "things.api.handler"
      timeout     = 3
      variables   = { TABLE_NAME = "things" }
    }
  }

  routes = {
    "POST /things"            = "api"
    "GET /things/{id}/{part}" = "api"
  }
}

run "code_is_deployed_from_a_private_bucket_under_keys_that_name_its_content" {
  assert {
    condition     = { for name, object in aws_s3_object.package : name => object.key } == { code = "code/${filesha256("versions.tf")}.zip", layer = "layer/${filesha256("main.tf")}.zip" }
    error_message = "Each package must be in the bucket."
  }

  assert {
    condition = (
      aws_lambda_function.this["api"].s3_bucket == aws_s3_bucket.artifacts.id &&
      aws_lambda_function.this["api"].s3_key == aws_s3_object.package["code"].key &&
      aws_lambda_function.this["api"].source_code_hash == filebase64sha256("versions.tf") &&
      one(aws_lambda_layer_version.this).s3_key == aws_s3_object.package["layer"].key
    )
    error_message = "The function and the layer must be those of the bucket."
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.artifacts.block_public_acls,
      aws_s3_bucket_public_access_block.artifacts.block_public_policy,
      aws_s3_bucket_public_access_block.artifacts.ignore_public_acls,
      aws_s3_bucket_public_access_block.artifacts.restrict_public_buckets,
    ])
    error_message = "The bucket must not be public."
  }

  assert {
    condition     = aws_s3_bucket.artifacts.force_destroy
    error_message = "What the bucket holds can be built again: it must not keep a stack from being destroyed."
  }
}

run "only_the_routes_of_the_api_may_invoke_the_function" {
  assert {
    condition     = toset([for route in aws_apigatewayv2_route.this : route.route_key]) == toset(["POST /things", "GET /things/{id}/{part}"])
    error_message = "The API must have exactly its routes."
  }

  assert {
    condition     = length(aws_apigatewayv2_integration.this) == 1
    error_message = "Routes of one function share its integration."
  }

  assert {
    condition = toset([for permission in aws_lambda_permission.route : permission.source_arn]) == toset([
      "arn:aws:execute-api:eu-central-1:111122223333:mock/v1/POST/things",
      "arn:aws:execute-api:eu-central-1:111122223333:mock/v1/GET/things/*/*",
    ])
    error_message = "The function may be invoked from the API's routes only."
  }
}

run "the_same_routes_may_be_a_rest_apis" {
  variables {
    api_kind = "REST"
  }

  assert {
    condition     = length(aws_apigatewayv2_api.this) == 0 && length(aws_apigatewayv2_route.this) == 0
    error_message = "There must be one API, not two."
  }

  assert {
    condition = { for path, operations in jsondecode(aws_api_gateway_rest_api.this[0].body).paths : path => keys(operations) } == {
      "/things"             = ["post"]
      "/things/{id}/{part}" = ["get"]
    }
    error_message = "The API must have exactly its routes."
  }

  assert {
    condition     = [for parameter in jsondecode(aws_api_gateway_rest_api.this[0].body).paths["/things/{id}/{part}"].get.parameters : parameter.name] == ["id", "part"]
    error_message = "Path parameters must be declared."
  }

  assert {
    condition = toset([for permission in aws_lambda_permission.route : permission.source_arn]) == toset([
      "arn:aws:execute-api:eu-central-1:111122223333:mock/v1/POST/things",
      "arn:aws:execute-api:eu-central-1:111122223333:mock/v1/GET/things/*/*",
    ])
    error_message = "The function may be invoked from the API's routes only."
  }

  assert {
    condition     = one(aws_api_gateway_method_settings.this[0].settings).throttling_rate_limit == 10000
    error_message = "The stage must be throttled as an HTTP API's is."
  }
}

run "a_rest_api_takes_no_cors" {
  command = plan

  variables {
    api_kind = "REST"
    settings = { cors = { allow_origins = ["*"] } }
  }

  expect_failures = [aws_api_gateway_rest_api.this]
}

run "any_method_may_come_from_a_route_of_any_method" {
  variables {
    routes = { "ANY /{proxy+}" = "api", "GET /anything" = "api" }
  }

  assert {
    condition = toset([for permission in aws_lambda_permission.route : permission.source_arn]) == toset([
      "arn:aws:execute-api:eu-central-1:111122223333:mock/v1/*/*",
      "arn:aws:execute-api:eu-central-1:111122223333:mock/v1/GET/anything",
    ])
    error_message = "API Gateway names the request's method when it invokes a function, never ANY."
  }
}

run "without_a_database_functions_are_in_no_vpc_and_their_roles_know_none" {
  assert {
    condition     = length(aws_lambda_function.this["api"].vpc_config) == 0 && length(aws_iam_role_policy.vpc) == 0
    error_message = "There must be no network, and no right to make one."
  }

  assert {
    condition     = length(aws_lambda_invocation.schema) == 0 && output.schema_version == null
    error_message = "There must be no schema."
  }
}

run "with_a_database_its_schema_comes_first_and_all_functions_reach_it" {
  variables {
    schema = { package = "schema", handler = "things.schema.init.handler" }

    database_identity = "db.example:5432/things"

    database = {
      variables          = { DATABASE_SECRET_ARN = "arn:secret" }
      statements         = { ReadDatabaseSecret = { actions = ["secretsmanager:GetSecretValue"], resources = ["arn:secret"] } }
      subnet_ids         = ["subnet-a", "subnet-b"]
      security_group_ids = ["sg-a"]
    }
  }

  assert {
    condition     = aws_lambda_invocation.schema["init"].triggers == tomap({ schema = filesha256("outputs.tf"), database = "db.example:5432/things" })
    error_message = "The invocation must be bound to the schema's package and to the database."
  }

  assert {
    condition     = output.schema_version == 4 && output.function_names == { api = "things-api", init = "things-init" }
    error_message = "The outputs must tell what init answered, and its name."
  }

  assert {
    condition     = one(aws_lambda_function.this["api"].environment).variables == tomap({ DATABASE_SECRET_ARN = "arn:secret", POWERTOOLS_METRICS_NAMESPACE = "things", POWERTOOLS_SERVICE_NAME = "things", TABLE_NAME = "things" })
    error_message = "A function must know the database and what is its own."
  }

  assert {
    condition = alltrue([
      for function in [aws_lambda_function.this["api"], aws_lambda_function.schema["init"]] :
      one(function.vpc_config).subnet_ids == toset(["subnet-a", "subnet-b"])
    ])
    error_message = "The functions must be in the database's subnets."
  }

  assert {
    condition = alltrue(flatten([
      for policy in output.policies : [
        for statement in jsondecode(policy).Statement :
        statement.Resource != "*" && !anytrue([for action in flatten([statement.Action]) : strcontains(action, "*")])
      ]
    ]))
    error_message = "No statement of a function may have a wildcard for its actions or for all resources."
  }

  assert {
    condition     = toset([for statement in jsondecode(output.policies["init"]).Statement : statement.Sid]) == toset(["WriteOwnLogs", "ReadDatabaseSecret"])
    error_message = "The init function may reach the database and nothing else."
  }
}

run "a_schedule_invokes_its_function" {
  variables {
    functions = {
      sweep = { description = "test", package = "code", handler = "f.handler", timeout = 3, schedule = "rate(5 minutes)" }
    }
    routes = {}
  }

  assert {
    condition = (
      aws_cloudwatch_event_rule.schedule["sweep"].schedule_expression == "rate(5 minutes)" &&
      aws_cloudwatch_event_target.schedule["sweep"].arn == aws_lambda_function.this["sweep"].arn &&
      aws_lambda_permission.schedule["sweep"].source_arn == aws_cloudwatch_event_rule.schedule["sweep"].arn
    )
    error_message = "The rule must lead to the function, and may invoke it."
  }
}

run "logs_are_kept_for_a_limited_time" {
  assert {
    condition     = aws_cloudwatch_log_group.function["api"].retention_in_days == 30 && aws_cloudwatch_log_group.access.retention_in_days == 30
    error_message = "Logs must be kept for a limited time."
  }
}

run "every_function_and_the_api_have_alarms" {
  assert {
    condition     = toset(output.alarm_names) == toset(["things-5xx", "things-api-errors", "things-api-throttles"])
    error_message = "An alarm is missing."
  }

  assert {
    condition = alltrue([
      for alarm in aws_cloudwatch_metric_alarm.this :
      alarm.comparison_operator == "GreaterThanThreshold" && alarm.threshold == 0 && alarm.statistic == "Sum"
    ])
    error_message = "One in a period must be enough."
  }
}

run "named_alarms_stand_in_for_the_common_ones" {
  variables {
    settings = { alarm_actions = ["arn:aws:sns:eu-central-1:111122223333:alerts"], alarm_period = 10 }
    alarms   = { slow = { description = "test", function = "api", metric = "Duration", statistic = "Maximum", above = 1000 } }
  }

  assert {
    condition = one(output.alarm_names) == "things-slow" && (
      aws_cloudwatch_metric_alarm.this["things-slow"].threshold == 1000 &&
      aws_cloudwatch_metric_alarm.this["things-slow"].statistic == "Maximum" &&
      aws_cloudwatch_metric_alarm.this["things-slow"].period == 10 &&
      aws_cloudwatch_metric_alarm.this["things-slow"].dimensions == tomap({ FunctionName = "things-api" }) &&
      aws_cloudwatch_metric_alarm.this["things-slow"].ok_actions == toset(["arn:aws:sns:eu-central-1:111122223333:alerts"])
    )
    error_message = "The named alarm must be as it was told."
  }
}

run "settings_change_what_they_name_and_nothing_else" {
  variables {
    settings = {
      architecture = "x86_64"
      functions    = { api = { memory_size = 1024, concurrency = 10 } }
      cors         = { allow_origins = ["https://example.com"], max_age = 60 }
    }
  }

  assert {
    condition = (
      aws_lambda_function.this["api"].architectures == tolist(["x86_64"]) &&
      aws_lambda_function.this["api"].memory_size == 1024 &&
      aws_lambda_function.this["api"].reserved_concurrent_executions == 10 &&
      aws_lambda_function.this["api"].timeout == 3
    )
    error_message = "The function must be as the settings say, and else as the service does."
  }

  assert {
    condition = (
      one(aws_apigatewayv2_api.this[0].cors_configuration).allow_methods == toset(["GET", "POST"]) &&
      one(aws_apigatewayv2_api.this[0].cors_configuration).allow_headers == toset(["content-type"]) &&
      one(aws_apigatewayv2_api.this[0].cors_configuration).max_age == 60
    )
    error_message = "Browsers may use the methods of the routes."
  }
}

run "a_wrong_name_is_refused" {
  command = plan

  variables {
    name = "Things_1"
  }

  expect_failures = [var.name]
}

run "a_function_cannot_be_given_all_actions" {
  command = plan

  variables {
    functions = {
      api = {
        description = "test", package = "code", handler = "f.handler", timeout = 3
        statements  = { All = { actions = ["dynamodb:*"], resources = ["arn:table"] } }
      }
    }
  }

  expect_failures = [var.functions]
}

run "a_misspelt_setting_is_refused" {
  command = plan

  variables {
    settings = { log_retention = 7 }
  }

  expect_failures = [var.settings]
}

run "a_setting_for_a_function_that_is_not_there_is_refused" {
  command = plan

  variables {
    settings = { functions = { app = { memory_size = 1024 } } }
  }

  expect_failures = [aws_lambda_function.this]
}

run "a_period_that_cloudwatch_does_not_have_is_refused" {
  command = plan

  variables {
    settings = { alarm_period = 45 }
  }

  expect_failures = [var.settings]
}

run "functions_of_an_image_need_no_zip" {
  command = plan

  variables {
    image = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/things:1"
  }

  assert {
    condition = (
      aws_lambda_function.this["api"].package_type == "Image" &&
      aws_lambda_function.this["api"].image_uri == var.image &&
      one(aws_lambda_function.this["api"].image_config).command == tolist(["things.api.handler"]) &&
      aws_lambda_function.this["api"].runtime == null &&
      aws_lambda_function.this["api"].s3_key == null
    )
    error_message = "The function must be the image's, started with its own handler."
  }

  assert {
    condition     = length(aws_s3_object.package) + length(aws_lambda_layer_version.this) == 0
    error_message = "What an image holds is neither a package nor a layer."
  }
}
