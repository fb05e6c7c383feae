terraform {
  required_version = ">= 1.6"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
    archive = {
      source  = "hashicorp/archive"
      version = "~> 2.4"
    }
  }

  backend "s3" {
    bucket         = "<YOUR-STATE-BUCKET>"
    key            = "usage/terraform.tfstate"
    region         = "eu-north-1"
    dynamodb_table = "terraform-locks"
    encrypt        = true
    profile        = "company-admin"
  }
}

provider "aws" {
  region                   = var.region
  profile                  = "company-admin"
  shared_credentials_files = ["/nonexistent/credentials"]
  allowed_account_ids      = ["123456789012"]

  assume_role {
    role_arn = "arn:aws:iam::123456789012:role/deployer"
  }

  default_tags {
    tags = { Project = "usage" }
  }
}

provider "aws" {
  alias   = "us"
  region  = "us-east-1"
  profile = "company-us"
}
