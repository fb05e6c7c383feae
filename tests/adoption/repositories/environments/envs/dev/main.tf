terraform {
  backend "s3" {}
}

provider "aws" {
  region     = "us-east-1"
  access_key = "AKIAIOSFODNN7EXAMPLE"
  secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
}

module "app" {
  source = "../../modules/app"

  name     = "shop-dev"
  greeting = "hello"
}
