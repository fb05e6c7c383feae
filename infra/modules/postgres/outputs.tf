output "address" {
  description = "Host name of the instance."
  value       = aws_db_instance.this.address
}

output "port" {
  description = "Port of the instance."
  value       = aws_db_instance.this.port
}

output "connection" {
  description = "What a client needs to connect."
  sensitive   = true
  value = {
    host     = aws_db_instance.this.address
    port     = aws_db_instance.this.port
    name     = aws_db_instance.this.db_name
    username = aws_db_instance.this.username
    password = terraform_data.password.output
  }
}
