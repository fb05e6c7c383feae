output "backend_config" {
  description = "What `terraform init` of a stack is given."
  value = join(" ", concat(
    ["-backend-config=bucket=${aws_s3_bucket.state.bucket}"],
    var.lock_table == null ? ["-backend-config=use_lockfile=true"] : ["-backend-config=dynamodb_table=${var.lock_table}"],
  ))
}
