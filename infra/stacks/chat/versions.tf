terraform {
  required_version = ">= 1.6"

  required_providers {
    aws = { source = "hashicorp/aws", version = "~> 5.100" }
  }

  # The bucket is named at init, as infra/bootstrap made it: -backend-config=bucket=... -backend-config=use_lockfile=true
  backend "s3" {
    key     = "chat/terraform.tfstate"
    encrypt = true
  }
}

# Region and credentials come from variables of the process (AWS_REGION, AWS_PROFILE, ...).
provider "aws" {
  default_tags {
    tags = {
      stack = var.name
    }
  }
}
