# Of the version, so that whoever uses the ARN waits until the secret can be read.
output "arn" {
  description = "ARN of the secret, known once it has a value."
  value       = aws_secretsmanager_secret_version.this.arn
}
