variable "name" {
  type = string
}

variable "limits" {
  type = object({ batch = number, names = list(string) })
}

variable "token" {
  type      = string
  sensitive = true
}

provider "aws" {
  region = "us-east-1"
}

resource "aws_ssm_parameter" "limits" {
  for_each = toset(var.limits.names)

  name  = "/${var.name}/${terraform.workspace}/${each.value}"
  type  = "String"
  value = var.limits.batch
}

resource "aws_ssm_parameter" "token" {
  name  = "/${var.name}/token"
  type  = "SecureString"
  value = var.token
}
