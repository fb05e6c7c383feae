terraform {
  backend "azurerm" {
    resource_group_name  = "state"
    storage_account_name = "companystate"
    container_name       = "tfstate"
    key                  = "network.tfstate"
  }
}

provider "aws" {
  region = "us-east-1"
}

resource "aws_vpc" "main" {
  cidr_block = "10.0.0.0/16"
}

output "vpc_id" {
  value = aws_vpc.main.id
}
