output "name" {
  description = "Name of the table."
  value       = aws_dynamodb_table.this.name
}

output "arn" {
  description = "ARN of the table."
  value       = aws_dynamodb_table.this.arn
}

output "index_arns" {
  description = "ARNs of the indexes by name."
  value       = { for name in keys(var.indexes) : name => "${aws_dynamodb_table.this.arn}/index/${name}" }
}

output "stream_arn" {
  description = "ARN of the stream; null without one."
  value       = var.stream_view_type == null ? null : aws_dynamodb_table.this.stream_arn
}
