resource "aws_db_subnet_group" "rds_groups" {
  name       = "d"
  subnet_ids = aws_subnet.main[*].id
}

resource "aws_db_parameter_group" "rds_groups" {
  name   = "d"
  family = "postgres17"
}

resource "aws_db_option_group" "rds_opt" {
  name                 = "o"
  engine_name          = "mysql"
  major_engine_version = "8.0"
}

resource "aws_rds_cluster_parameter_group" "rds_cluster_pg" {
  name   = "cpg"
  family = "aurora-postgresql16"
}

resource "aws_db_proxy" "rds_proxy" {
  name           = "p"
  engine_family  = "POSTGRESQL"
  role_arn       = "arn:aws:iam::000000000000:role/x"
  vpc_subnet_ids = aws_subnet.main[*].id
  auth {
    auth_scheme = "SECRETS"
    iam_auth    = "DISABLED"
    secret_arn  = "arn:aws:secretsmanager:us-east-1:000000000000:secret:x"
  }
}

resource "aws_db_proxy_default_target_group" "rds_proxy" {
  db_proxy_name = aws_db_proxy.rds_proxy.name
}

resource "aws_rds_global_cluster" "rds_global" {
  global_cluster_identifier = "g"
  engine                    = "aurora-postgresql"
}
