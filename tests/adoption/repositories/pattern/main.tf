terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
    random = {
      source  = "hashicorp/random"
      version = "~> 3.1"
    }
    archive = {
      source  = "hashicorp/archive"
      version = "~> 2.2"
    }
    null = {
      source = "hashicorp/null"
    }
  }
}

provider "aws" {
  profile = "default"
  region  = var.aws_region
}

data "aws_caller_identity" "current" {}

resource "random_pet" "bucket" {
  prefix = "pattern"
  length = 2
}

resource "aws_s3_bucket" "code" {
  bucket        = random_pet.bucket.id
  force_destroy = true
}

# What pip would install, as a provisioner puts it beside the sources: it is built once, and must stay.
resource "null_resource" "dependencies" {
  triggers = { requirements = filemd5("${path.module}/src/requirements.txt") }

  provisioner "local-exec" {
    command = "mkdir -p ${path.module}/build && cp -r ${path.module}/src/. ${path.module}/build && echo 'ANSWER = 42' > ${path.module}/build/dependency.py"
  }
}

data "archive_file" "code" {
  type        = "zip"
  source_dir  = "${path.module}/build"
  output_path = "${path.module}/code.zip"
  depends_on  = [null_resource.dependencies]
}

resource "aws_s3_object" "code" {
  bucket = aws_s3_bucket.code.id
  key    = "code.zip"
  source = data.archive_file.code.output_path
  etag   = data.archive_file.code.output_md5
}

resource "aws_lambda_function" "queue" {
  function_name    = "pattern-${data.aws_caller_identity.current.account_id}"
  s3_bucket        = aws_s3_bucket.code.id
  s3_key           = aws_s3_object.code.key
  source_code_hash = data.archive_file.code.output_base64sha256
  runtime          = "python3.12"
  handler          = "lambda.handler"
  role             = aws_iam_role.queue.arn
}

resource "aws_iam_role" "queue" {
  name_prefix = "pattern-"

  assume_role_policy = <<-POLICY
    {
      "Version": "2012-10-17",
      "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}]
    }
  POLICY
}

resource "aws_sqs_queue" "queue" {
  name = random_pet.bucket.id
}

output "function" {
  value = aws_lambda_function.queue.function_name
}
