output "backend_config" {
  description = "What `terraform init` of a stack is given."
  value = join(" ", concat(
    ["-backend-config=bucket=${aws_s3_bucket.state.bucket}", "-backend-config=encrypt=true"],
    var.lock_table == null ? ["-backend-config=use_lockfile=true"] : ["-backend-config=dynamodb_table=${var.lock_table}"],
  ))
}

output "deploy_role_arn" {
  description = "ARN of the role of deployments from GitHub; null without a repository."
  value       = one(module.deploy_role[*].arn)
}
