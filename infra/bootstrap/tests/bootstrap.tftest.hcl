mock_provider "aws" {
  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com" }
  }
}

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

  assert {
    condition     = one(aws_dynamodb_table.lock[0].server_side_encryption).enabled
    error_message = "The table must be encrypted."
  }

  assert {
    condition     = output.backend_config == "-backend-config=bucket=example-terraform-state -backend-config=encrypt=true -backend-config=dynamodb_table=terraform-lock"
    error_message = "The stacks must be told to encrypt their state, and which table to lock in."
  }
}

run "a_wrong_bucket_name_is_refused" {
  command = plan

  variables {
    bucket = "Not A Bucket"
  }

  expect_failures = [var.bucket]
}

run "without_a_repository_nobody_deploys" {
  command = plan

  assert {
    condition     = output.deploy_role_arn == null
    error_message = "There must be no role."
  }
}

run "only_main_of_the_repository_may_take_the_role" {
  module {
    source = "../modules/github_role"
  }

  variables {
    name        = "deploy"
    repository  = "example/shop"
    policy_arns = ["arn:aws:iam::111122223333:policy/deploy"]
  }

  assert {
    condition = one(jsondecode(aws_iam_role.this.assume_role_policy).Statement).Condition.StringEquals == {
      "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
      "token.actions.githubusercontent.com:sub" = "repo:example/shop:ref:refs/heads/main"
    }
    error_message = "No other repository and no other branch may take the role."
  }

  assert {
    condition     = keys(aws_iam_role_policy_attachment.this) == ["arn:aws:iam::111122223333:policy/deploy"]
    error_message = "The role may do what the named policies say."
  }
}
