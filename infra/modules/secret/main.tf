# A database's connection settings, in the form that RDS's own rotation functions write.

resource "aws_secretsmanager_secret" "this" {
  name                    = var.name
  description             = var.description
  recovery_window_in_days = var.recovery_window_days
}

resource "aws_secretsmanager_secret_version" "this" {
  secret_id = aws_secretsmanager_secret.this.id
  secret_string = jsonencode(merge(
    {
      engine   = "postgres"
      host     = var.connection.host
      port     = var.connection.port
      dbname   = var.connection.name
      username = var.connection.username
      password = var.connection.password
    },
    var.ca == null ? {} : { ca = var.ca },
  ))
}
