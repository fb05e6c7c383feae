# What a database is, and its network, checked on plans and applies against a mocked provider.

mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name                = "things"
  service             = "things"
  given               = { host = "db.example", port = 6543, name = "things", username = "user", password = "given" }
  deletion_protection = false
}

run "a_given_database_is_used_and_none_is_created" {
  assert {
    condition     = !output.created && output.address == "db.example:6543" && output.identity == "db.example:6543/things"
    error_message = "With a given database, none must be created."
  }

  assert {
    condition     = output.access.variables.DATABASE_TLS == "prefer"
    error_message = "A given server must be asked for encryption."
  }

  assert {
    condition = nonsensitive(jsondecode(aws_secretsmanager_secret_version.this.secret_string)) == {
      engine = "postgres", host = "db.example", port = 6543, dbname = "things", username = "user", password = "given"
    }
    error_message = "The secret must hold what a client needs to connect."
  }
}

run "functions_reach_the_given_port_and_aws_and_nothing_else" {
  assert {
    condition     = aws_vpc_security_group_egress_rule.postgres.from_port == 6543 && aws_vpc_security_group_egress_rule.postgres.to_port == 6543
    error_message = "The functions must be able to reach the given port."
  }

  assert {
    condition     = aws_vpc_security_group_egress_rule.https.from_port == 443 && aws_vpc_security_group_egress_rule.https.to_port == 443
    error_message = "The functions must be able to reach the AWS services."
  }
}

run "a_server_is_checked_against_certificates_where_they_are_named" {
  variables {
    settings = { ca_file = "versions.tf" }
  }

  assert {
    condition     = output.access.variables.DATABASE_TLS == "verify"
    error_message = "The server must be checked."
  }

  assert {
    condition     = nonsensitive(jsondecode(aws_secretsmanager_secret_version.this.secret_string)).ca == file("versions.tf")
    error_message = "The secret must hold the certificates."
  }
}

run "without_a_given_database_one_is_created_in_rds" {
  variables {
    given = null
  }

  assert {
    condition     = output.created && output.address == "mock.eu-central-1.rds.amazonaws.com:5432"
    error_message = "One must be created, and the output must name it."
  }

  assert {
    condition     = output.access.variables.DATABASE_TLS == "require"
    error_message = "A connection to RDS must be encrypted."
  }
}

run "a_misspelt_setting_is_refused" {
  command = plan

  variables {
    settings = { multi_zone = true }
  }

  expect_failures = [var.settings]
}

run "rds_is_private_encrypted_and_backed_up" {
  module {
    source = "../postgres"
  }

  variables {
    name                = "things"
    vpc_id              = "vpc-1"
    subnet_ids          = ["subnet-a", "subnet-b"]
    clients             = { functions = "sg-functions" }
    database            = "things"
    username            = "things"
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
    source = "../postgres"
  }

  variables {
    name                = "things"
    vpc_id              = "vpc-1"
    subnet_ids          = ["subnet-a", "subnet-b"]
    clients             = { functions = "sg-functions" }
    database            = "things"
    username            = "things"
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

run "the_network_has_two_zones_and_keeps_table_traffic_inside" {
  module {
    source = "../network"
  }

  variables {
    name               = "things"
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
