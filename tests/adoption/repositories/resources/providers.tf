provider "aws" {
  region = "us-east-1"
}

provider "aws" {
  alias  = "other"
  region = "eu-west-1"
}

data "archive_file" "function" {
  type        = "zip"
  output_path = "${path.module}/function.zip"
  source {
    filename = "handler.py"
    content  = "def handler(event, context):\n    return event\n"
  }
}

data "aws_availability_zones" "here" {}
