# A service's Postgres and the way to it: a VPC whose private subnets hold the functions, the server (a given one, or an
# instance in RDS), and the secret that says how to connect.

data "aws_region" "current" {}

data "aws_availability_zones" "available" {
  state = "available"
}

locals {
  settings = merge({
    instance_class = "db.t4g.micro"
    multi_az       = false
    ca_file        = null
    vpc_cidr       = "10.0.0.0/16"
    nat_per_zone   = false
  }, var.settings)

  creates    = nonsensitive(var.given == null)
  connection = local.creates ? module.postgres[0].connection : var.given
  port       = local.creates ? module.postgres[0].port : nonsensitive(var.given.port)
  address    = nonsensitive("${local.connection.host}:${local.port}")

  # RDS always encrypts; a given server may not be able to.
  tls = local.settings.ca_file != null ? "verify" : local.creates ? "require" : "prefer"
}

module "network" {
  source = "../network"

  name               = var.name
  region             = data.aws_region.current.name
  cidr               = local.settings.vpc_cidr
  availability_zones = slice(data.aws_availability_zones.available.names, 0, 2)
  nat_per_zone       = local.settings.nat_per_zone
}

# What the functions may reach: the AWS services, and Postgres.

resource "aws_security_group" "functions" {
  name        = "${var.name}-functions"
  description = "The ${var.service} service's functions."
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
  cidr_ipv4         = local.creates ? module.network.vpc_cidr : "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = local.port
  to_port           = local.port
}

module "postgres" {
  source = "../postgres"
  count  = local.creates ? 1 : 0

  name                = var.name
  vpc_id              = module.network.vpc_id
  subnet_ids          = module.network.private_subnet_ids
  clients             = { functions = aws_security_group.functions.id }
  database            = var.service
  username            = var.service
  instance_class      = local.settings.instance_class
  multi_az            = local.settings.multi_az
  deletion_protection = var.deletion_protection
}

# How to connect, in the form that RDS's own rotation functions write.

resource "aws_secretsmanager_secret" "this" {
  name                    = "${var.name}/database"
  description             = "How the ${var.service} service connects to Postgres."
  recovery_window_in_days = var.deletion_protection ? 30 : 0
}

resource "aws_secretsmanager_secret_version" "this" {
  secret_id = aws_secretsmanager_secret.this.id
  secret_string = jsonencode(merge(
    {
      engine   = "postgres"
      host     = local.connection.host
      port     = local.connection.port
      dbname   = local.connection.name
      username = local.connection.username
      password = local.connection.password
    },
    local.settings.ca_file == null ? {} : { ca = file(local.settings.ca_file) },
  ))
}
