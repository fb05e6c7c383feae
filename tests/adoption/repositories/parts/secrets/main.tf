resource "random_password" "database" {
  length = 20
}

resource "aws_secretsmanager_secret" "database" {
  name                    = "secrets/database"
  recovery_window_in_days = 0
}

resource "aws_secretsmanager_secret_version" "database" {
  secret_id     = aws_secretsmanager_secret.database.id
  secret_string = jsonencode({ user = "app", password = random_password.database.result })
}

resource "aws_ssm_parameter" "address" {
  name  = "/secrets/address"
  type  = "String"
  value = "db.internal"
}

data "aws_ssm_parameter" "address" {
  name       = aws_ssm_parameter.address.name
  depends_on = [aws_ssm_parameter.address]
}

data "aws_secretsmanager_secret_version" "database" {
  secret_id  = aws_secretsmanager_secret.database.id
  depends_on = [aws_secretsmanager_secret_version.database]
}

data "archive_file" "function" {
  type        = "zip"
  source_file = "${path.module}/handler.py"
  output_path = "${path.module}/function.zip"
}

resource "aws_iam_role" "function" {
  name = "secrets"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_lambda_function" "function" {
  function_name    = "secrets"
  role             = aws_iam_role.function.arn
  runtime          = "python3.12"
  handler          = "handler.handler"
  filename         = data.archive_file.function.output_path
  source_code_hash = data.archive_file.function.output_base64sha256

  environment {
    variables = {
      ADDRESS = data.aws_ssm_parameter.address.value
      USER    = jsondecode(data.aws_secretsmanager_secret_version.database.secret_string)["user"]
      SECRET  = aws_secretsmanager_secret.database.arn
    }
  }
}

resource "aws_iam_role_policy" "function" {
  role = aws_iam_role.function.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "secretsmanager:GetSecretValue", Resource = aws_secretsmanager_secret.database.arn }]
  })
}
