terraform {
  required_version = ">= 1.6"

  required_providers {
    aws = { source = "hashicorp/aws", version = "~> 5.100" }
  }
}

# Region and credentials come from variables of the process. This root's own state stays local: it makes the place for all others.
provider "aws" {}
