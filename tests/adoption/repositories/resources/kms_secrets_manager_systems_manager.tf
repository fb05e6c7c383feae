resource "aws_kms_key" "keys_main" {
  description             = "resources"
  deletion_window_in_days = 7
}

resource "aws_kms_alias" "keys_main" {
  name          = "alias/resources"
  target_key_id = aws_kms_key.keys_main.id
}

resource "aws_kms_ciphertext" "keys_word" {
  key_id    = aws_kms_key.keys_main.key_id
  plaintext = "word"
}

resource "aws_kms_grant" "keys_user" {
  key_id            = aws_kms_key.keys_main.key_id
  grantee_principal = aws_iam_role.keys_user.arn
  operations        = ["Encrypt", "Decrypt"]
}

resource "aws_kms_key_policy" "keys_main" {
  key_id = aws_kms_key.keys_main.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Sid = "all", Effect = "Allow", Action = "kms:*", Principal = { AWS = "arn:aws:iam::000000000000:root" }, Resource = "*" }]
  })
}

resource "aws_secretsmanager_secret" "keys_db" {
  name = "resources-db"
}

resource "aws_secretsmanager_secret_version" "keys_db" {
  secret_id     = aws_secretsmanager_secret.keys_db.id
  secret_string = jsonencode({ password = "word" })
}

resource "aws_secretsmanager_secret_policy" "keys_db" {
  secret_arn = aws_secretsmanager_secret.keys_db.arn
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Sid = "read", Effect = "Allow", Action = "secretsmanager:GetSecretValue", Principal = { AWS = "arn:aws:iam::000000000000:root" }, Resource = "*" }]
  })
}

resource "aws_ssm_parameter" "keys_host" {
  name  = "/resources/host"
  type  = "SecureString"
  value = "db.internal"
}

resource "aws_secretsmanager_secret" "secret_rotation_rot" {
  name = "rotated"
}

resource "aws_kms_key" "kms_replica_m" {
  multi_region            = true
  deletion_window_in_days = 7
}

resource "aws_kms_replica_key" "kms_replica" {
  provider                = aws.other
  primary_key_arn         = aws_kms_key.kms_replica_m.arn
  deletion_window_in_days = 7
}

resource "aws_kms_external_key" "kms_external" {
  description = "x"
}

resource "aws_ssm_service_setting" "ssm_setting" {
  setting_id    = "arn:aws:ssm:us-east-1:000000000000:servicesetting/ssm/parameter-store/high-throughput-enabled"
  setting_value = "true"
}
