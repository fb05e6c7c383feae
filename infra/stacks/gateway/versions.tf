terraform {
  required_version = ">= 1.6"

  # The bucket is named at init, as infra/bootstrap made it: -backend-config=bucket=... -backend-config=use_lockfile=true
  backend "s3" {
    key = "gateway/terraform.tfstate"

    # An address that has no names for buckets below it, as 127.0.0.1, is enough then. AWS takes both.
    use_path_style = true
  }

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

# Region and credentials are the environment's (AWS_REGION, AWS_PROFILE, ...).
provider "aws" {
  default_tags {
    tags = {
      stack       = var.name
      environment = var.environment
    }
  }
}
