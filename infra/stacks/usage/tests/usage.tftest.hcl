# What the stack is, checked on plans and applies against a mocked provider: no account, no network, a few seconds.

mock_provider "aws" {
  source = "../../mocks"
}

variables {
  packages = {
    usage  = "versions.tf"
    schema = "versions.tf"
    layer  = "versions.tf"
  }
}

run "without_a_database_one_is_created_in_rds" {
  assert {
    condition     = module.database.created
    error_message = "Without a given database, the stack must create one."
  }

  assert {
    condition     = module.database.environment.DATABASE_TLS == "require"
    error_message = "A connection to RDS must be encrypted."
  }

  assert {
    condition     = startswith(output.database_address, "mock.eu-central-1.rds.amazonaws.com:")
    error_message = "The output must name the instance."
  }
}

run "a_given_database_is_used_and_none_is_created" {
  variables {
    database = { host = "db.example", port = 6543, name = "usage", username = "usage", password = "given" }
  }

  assert {
    condition     = !module.database.created
    error_message = "With a given database, the stack must not create one."
  }

  assert {
    condition     = output.database_address == "db.example:6543"
    error_message = "The output must name the given server."
  }

  assert {
    condition     = module.database.environment.DATABASE_TLS == "prefer"
    error_message = "A given server must be asked for encryption."
  }
}

run "functions_are_in_private_subnets_with_least_privilege" {
  assert {
    condition = alltrue([
      for function in [module.api, module.reconcile] :
      toset(function.subnet_ids) == toset(module.database.subnet_ids) && length(function.subnet_ids) == 2
    ])
    error_message = "The functions must be in the private subnets."
  }

  assert {
    condition = alltrue(flatten([
      for function in [module.api, module.schema, module.reconcile] : [
        for statement in jsondecode(function.policy).Statement :
        statement.Resource != "*" && !anytrue([for action in flatten([statement.Action]) : strcontains(action, "*")])
      ]
    ]))
    error_message = "No statement of a function may have a wildcard for its actions or for all resources."
  }

  assert {
    condition = { for statement in jsondecode(module.api.policy).Statement : statement.Sid => statement.Action } == {
      WriteOwnLogs       = ["logs:CreateLogStream", "logs:PutLogEvents"]
      ReadDatabaseSecret = ["secretsmanager:GetSecretValue"]
      KeepAggregates     = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
    }
    error_message = "The API's function may do more, or less, than it needs."
  }

  assert {
    condition     = !contains([for statement in jsondecode(module.schema.policy).Statement : statement.Sid], "KeepAggregates")
    error_message = "The init function has nothing to do with the table."
  }
}

run "init_runs_again_only_for_another_schema_package_or_database" {
  assert {
    condition     = module.schema.triggers["schema"] == filesha256("versions.tf")
    error_message = "The invocation must be bound to the schema package."
  }

  assert {
    condition     = module.schema.triggers["database"] == "${output.database_address}/usage"
    error_message = "The invocation must be bound to the database."
  }

  assert {
    condition     = output.schema_version == 4
    error_message = "The output must tell what init answered."
  }
}

run "the_reconciler_is_on_a_schedule" {
  assert {
    condition     = aws_cloudwatch_event_rule.reconcile.schedule_expression == "rate(1 minute)"
    error_message = "The reconciler must run every minute."
  }

  assert {
    condition     = aws_cloudwatch_event_target.reconcile.arn == module.reconcile.arn
    error_message = "The schedule must invoke the reconciler."
  }
}

run "every_function_and_the_api_have_alarms" {
  assert {
    condition = toset(output.alarm_names) == toset([
      "usage-5xx",
      "usage-api-errors", "usage-api-throttles",
      "usage-init-errors", "usage-init-throttles",
      "usage-reconcile-errors", "usage-reconcile-throttles",
    ])
    error_message = "An alarm is missing."
  }
}

run "a_wrong_name_is_refused" {
  command = plan

  variables {
    name = "Usage_1"
  }

  expect_failures = [var.name]
}

# What the modules make, looked at from inside.

run "rds_is_private_encrypted_and_backed_up" {
  module {
    source = "../../modules/postgres"
  }

  variables {
    name                = "usage"
    vpc_id              = "vpc-1"
    subnet_ids          = ["subnet-a", "subnet-b"]
    clients             = { functions = "sg-functions" }
    database            = "usage"
    username            = "usage"
    deletion_protection = true
  }

  assert {
    condition     = aws_db_instance.this.publicly_accessible == false
    error_message = "The database must not be public."
  }

  assert {
    condition     = aws_db_instance.this.storage_encrypted && aws_db_instance.this.backup_retention_period == 7
    error_message = "The database must be encrypted and keep a week of backups."
  }

  assert {
    condition     = aws_db_instance.this.deletion_protection && !aws_db_instance.this.skip_final_snapshot
    error_message = "A protected database must refuse to go, and leave a snapshot."
  }

  assert {
    condition     = toset(aws_db_subnet_group.this.subnet_ids) == toset(["subnet-a", "subnet-b"])
    error_message = "The database must be in the given subnets."
  }

  assert {
    condition     = [for rule in aws_vpc_security_group_ingress_rule.this : rule.referenced_security_group_id] == ["sg-functions"]
    error_message = "Only the functions may connect."
  }

  assert {
    condition     = nonsensitive(aws_db_instance.this.password) == "from-secrets-manager"
    error_message = "The password must come from Secrets Manager."
  }
}

run "another_random_password_does_not_change_the_database" {
  command = plan

  module {
    source = "../../modules/postgres"
  }

  variables {
    name                = "usage"
    vpc_id              = "vpc-1"
    subnet_ids          = ["subnet-a", "subnet-b"]
    clients             = { functions = "sg-functions" }
    database            = "usage"
    username            = "usage"
    deletion_protection = true
  }

  override_data {
    target = data.aws_secretsmanager_random_password.this
    values = { random_password = "another-one" }
  }

  assert {
    condition     = nonsensitive(aws_db_instance.this.password) == "from-secrets-manager"
    error_message = "The password must stay what it was at first."
  }
}

run "the_secret_is_what_the_functions_read" {
  module {
    source = "../../modules/secret"
  }

  variables {
    name        = "usage/database"
    description = "test"
    connection  = { host = "db.example", port = 6543, name = "usage", username = "user", password = "given" }
  }

  assert {
    condition = nonsensitive(jsondecode(aws_secretsmanager_secret_version.this.secret_string)) == {
      engine = "postgres", host = "db.example", port = 6543, dbname = "usage", username = "user", password = "given"
    }
    error_message = "The secret must hold what a client needs to connect."
  }
}

run "the_network_has_two_zones_and_keeps_table_traffic_inside" {
  module {
    source = "../../modules/network"
  }

  variables {
    name               = "usage"
    region             = "eu-central-1"
    availability_zones = ["eu-central-1a", "eu-central-1b"]
  }

  assert {
    condition     = [for subnet in aws_subnet.private : subnet.availability_zone] == ["eu-central-1a", "eu-central-1b"]
    error_message = "There must be a private subnet in each zone."
  }

  assert {
    condition     = alltrue([for subnet in aws_subnet.private : subnet.map_public_ip_on_launch != true])
    error_message = "Private subnets must not give public addresses."
  }

  assert {
    condition     = length(toset(concat(values(local.private_cidrs), values(local.public_cidrs)))) == 4
    error_message = "No two subnets may have the same range."
  }

  assert {
    condition = toset([for endpoint in aws_vpc_endpoint.gateway : endpoint.service_name]) == toset([
      "com.amazonaws.eu-central-1.dynamodb", "com.amazonaws.eu-central-1.s3",
    ])
    error_message = "DynamoDB and S3 must be reached through gateway endpoints."
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 1
    error_message = "One NAT gateway must do, unless one per zone is asked for."
  }
}

run "the_table_is_on_demand_with_ttl_and_point_in_time_recovery" {
  module {
    source = "../../modules/table"
  }

  variables {
    name                = "usage"
    deletion_protection = true
  }

  assert {
    condition     = aws_dynamodb_table.this.billing_mode == "PAY_PER_REQUEST"
    error_message = "The table must be paid by the request."
  }

  assert {
    condition     = one(aws_dynamodb_table.this.ttl).enabled && one(aws_dynamodb_table.this.ttl).attribute_name == "expires_at"
    error_message = "Idempotency marks must expire."
  }

  assert {
    condition     = one(aws_dynamodb_table.this.point_in_time_recovery).enabled && one(aws_dynamodb_table.this.server_side_encryption).enabled
    error_message = "The table must be encrypted, and restorable to any second."
  }
}

run "only_the_routes_of_the_api_may_invoke_the_function" {
  module {
    source = "../../modules/http_api"
  }

  variables {
    name        = "things"
    description = "test"
    routes = {
      "POST /things"            = { function_name = "things", invoke_arn = "arn:invoke" }
      "GET /things/{id}/{part}" = { function_name = "things", invoke_arn = "arn:invoke" }
    }
  }

  assert {
    condition     = toset([for route in aws_apigatewayv2_route.this : route.route_key]) == toset(["POST /things", "GET /things/{id}/{part}"])
    error_message = "The API must have exactly its routes."
  }

  assert {
    condition     = length(aws_apigatewayv2_integration.this) == 1
    error_message = "Routes of one function share its integration."
  }

  assert {
    condition = toset([for permission in aws_lambda_permission.this : permission.source_arn]) == toset([
      "arn:aws:execute-api:eu-central-1:111122223333:mock/v1/POST/things",
      "arn:aws:execute-api:eu-central-1:111122223333:mock/v1/GET/things/*/*",
    ])
    error_message = "The function may be invoked from the API's routes only."
  }
}

run "a_function_cannot_be_given_all_actions" {
  command = plan

  module {
    source = "../../modules/function"
  }

  variables {
    name               = "f"
    description        = "test"
    package            = "versions.tf"
    handler            = "f.handler"
    timeout            = 3
    subnet_ids         = ["subnet-a"]
    security_group_ids = ["sg-a"]
    statements         = { All = { actions = ["dynamodb:*"], resources = ["arn:table"] } }
  }

  expect_failures = [var.statements]
}
