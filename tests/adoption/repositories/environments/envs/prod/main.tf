terraform {
  cloud {
    organization = "company"

    workspaces {
      name = "shop-prod"
    }
  }
}

provider "aws" {
  region = var.region

  dynamic "assume_role" {
    for_each = var.role == null ? [] : [var.role]
    content {
      role_arn = assume_role.value
    }
  }
}

variable "region" {
  type = string
}

variable "role" {
  type    = string
  default = "arn:aws:iam::999999999999:role/prod"
}

variable "greeting" {
  type = string
}

data "terraform_remote_state" "network" {
  backend = "azurerm"
  config = {
    storage_account_name = "companystate"
    container_name       = "tfstate"
    key                  = "network.tfstate"
  }
}

module "app" {
  source = "../../modules/app"

  name     = "shop-${terraform.workspace}"
  greeting = "${var.greeting} ${data.terraform_remote_state.network.outputs.vpc_id}"
}

output "function" {
  value = module.app.function
}
