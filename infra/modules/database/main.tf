# A service's Postgres and the way to it: a VPC whose private subnets hold the functions, the server (a given one, or an
# instance in RDS), and the secret that says how to connect.

data "aws_region" "current" {}

data "aws_availability_zones" "available" {
  state = "available"
}

locals {
  creates    = nonsensitive(var.given == null)
  connection = local.creates ? module.postgres[0].connection : var.given
  port       = local.creates ? module.postgres[0].port : nonsensitive(var.given.port)
  address    = nonsensitive("${local.connection.host}:${local.port}")

  # RDS always encrypts; a given server may not be able to.
  tls = var.ca_file != null ? "verify" : local.creates ? "require" : "prefer"
}

module "network" {
  source = "../network"

  name               = var.name
  region             = data.aws_region.current.name
  cidr               = var.vpc_cidr
  availability_zones = slice(data.aws_availability_zones.available.names, 0, 2)
  nat_per_zone       = var.nat_per_zone
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
  instance_class      = var.instance_class
  multi_az            = var.multi_az
  deletion_protection = var.deletion_protection
}

module "secret" {
  source = "../secret"

  name                 = "${var.name}/database"
  description          = "How the ${var.service} service connects to Postgres."
  connection           = local.connection
  ca                   = var.ca_file == null ? null : file(var.ca_file)
  recovery_window_days = var.deletion_protection ? 30 : 0
}
