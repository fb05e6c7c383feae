# A secret that is made here, once, and that nobody types: a key for signatures.

locals {
  password = data.aws_secretsmanager_random_password.this.random_password
}

data "aws_secretsmanager_random_password" "this" {
  password_length     = 40
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret" "this" {
  name                    = var.name
  description             = var.description
  recovery_window_in_days = var.recovery_window_days
}

# The data source answers another password every time it is read; and a rotation writes versions of its own.
resource "aws_secretsmanager_secret_version" "this" {
  secret_id     = aws_secretsmanager_secret.this.id
  secret_string = "${var.prefix}${var.base64 ? base64encode(local.password) : local.password}"

  lifecycle {
    ignore_changes = [secret_string]
  }
}
