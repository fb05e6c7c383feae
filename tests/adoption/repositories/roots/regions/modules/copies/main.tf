terraform {
  required_providers {
    aws = {
      source                = "hashicorp/aws"
      configuration_aliases = [aws.here, aws.there]
    }
  }
}

data "aws_region" "here" {
  provider = aws.here
}

data "aws_region" "there" {
  provider = aws.there
}

resource "aws_dynamodb_table" "here" {
  provider     = aws.here
  name         = "copies"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"

  attribute {
    name = "id"
    type = "S"
  }
}

resource "aws_sqs_queue" "there" {
  provider = aws.there
  name     = "copies"
}

output "regions" {
  value = [data.aws_region.here.name, data.aws_region.there.name]
}
