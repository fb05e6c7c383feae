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

# Of the version, so that whoever uses the ARN waits until the secret can be read.
output "secret_arn" {
  description = "ARN of the secret with the connection settings, known once it has a value."
  value       = aws_secretsmanager_secret_version.this.arn
}

output "access" {
  description = "What a function needs in order to connect: variables, permissions, subnets and security groups."
  value = {
    variables = {
      DATABASE_SECRET_ARN = aws_secretsmanager_secret_version.this.arn
      DATABASE_TLS        = local.tls
    }
    statements = {
      ReadDatabaseSecret = {
        actions   = ["secretsmanager:GetSecretValue"]
        resources = [aws_secretsmanager_secret_version.this.arn]
      }
    }
    subnet_ids         = module.network.private_subnet_ids
    security_group_ids = [aws_security_group.functions.id]
  }
}
