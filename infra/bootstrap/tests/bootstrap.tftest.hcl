mock_provider "aws" {}

variables {
  bucket = "example-terraform-state"
}

run "the_state_is_versioned_encrypted_and_private" {
  command = plan

  assert {
    condition     = one(aws_s3_bucket_versioning.state.versioning_configuration).status == "Enabled"
    error_message = "An overwritten state must be recoverable."
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.state.rule).apply_server_side_encryption_by_default).sse_algorithm == "aws:kms"
    error_message = "State holds passwords: it must be encrypted."
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.state.block_public_acls,
      aws_s3_bucket_public_access_block.state.block_public_policy,
      aws_s3_bucket_public_access_block.state.ignore_public_acls,
      aws_s3_bucket_public_access_block.state.restrict_public_buckets,
    ])
    error_message = "The bucket must not be public."
  }

  assert {
    condition     = length(aws_dynamodb_table.lock) == 0 && strcontains(output.backend_config, "use_lockfile=true")
    error_message = "Terraform locks in the bucket unless a table is named."
  }
}

run "a_lock_table_is_made_when_it_is_named" {
  command = plan

  variables {
    lock_table = "terraform-lock"
  }

  assert {
    condition     = aws_dynamodb_table.lock[0].hash_key == "LockID"
    error_message = "Terraform's lock needs this key."
  }
}

run "a_wrong_bucket_name_is_refused" {
  command = plan

  variables {
    bucket = "Not A Bucket"
  }

  expect_failures = [var.bucket]
}
