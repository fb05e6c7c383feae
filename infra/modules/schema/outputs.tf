output "name" {
  description = "Name of the function."
  value       = module.function.name
}

output "policy" {
  description = "What the function may do, as a policy document."
  value       = module.function.policy
}

output "triggers" {
  description = "What makes the function run again when it changes."
  value       = aws_lambda_invocation.this.triggers
}

# Of the invocation, so that whoever uses it comes after the schema.
output "version" {
  description = "What the function brought the schema to."
  value       = jsondecode(aws_lambda_invocation.this.result).version
}
