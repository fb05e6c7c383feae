output "created" {
  description = "Whether the database was made in RDS."
  value       = local.creates
}

output "address" {
  description = "Host and port of Postgres."
  value       = local.address
}

# Of the way there too, so that whoever uses it waits until a function can connect.
output "identity" {
  description = "Host, port and name of the database, known once functions reach it."
  value       = nonsensitive("${local.address}/${local.connection.name}")

  depends_on = [
    aws_vpc_security_group_egress_rule.https,
    aws_vpc_security_group_egress_rule.postgres,
    module.network,
    module.postgres,
  ]
}

output "secret_arn" {
  description = "ARN of the secret with the connection settings."
  value       = module.secret.arn
}

output "environment" {
  description = "Environment variables by which a function finds the database."
  value = {
    DATABASE_SECRET_ARN = module.secret.arn
    DATABASE_TLS        = local.tls
  }
}

output "statements" {
  description = "What a function must be allowed in order to connect."
  value = {
    ReadDatabaseSecret = {
      actions   = ["secretsmanager:GetSecretValue"]
      resources = [module.secret.arn]
    }
  }
}

output "subnet_ids" {
  description = "Private subnets for the functions."
  value       = module.network.private_subnet_ids
}

output "security_group_ids" {
  description = "Security groups for the functions."
  value       = [aws_security_group.functions.id]
}
