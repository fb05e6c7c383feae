data "archive_file" "function" {
  type        = "zip"
  source_file = "${path.module}/handler.py"
  output_path = "${path.module}/function.zip"
}

data "archive_file" "layer" {
  type        = "zip"
  source_dir  = "${path.module}/layer"
  output_path = "${path.module}/layer.zip"
}

resource "aws_lambda_layer_version" "shared" {
  layer_name          = "shared"
  filename            = data.archive_file.layer.output_path
  source_code_hash    = data.archive_file.layer.output_base64sha256
  compatible_runtimes = ["python3.12"]
}

resource "aws_s3_bucket" "code" {
  bucket_prefix = "code-"
}

resource "aws_s3_object" "code" {
  bucket = aws_s3_bucket.code.id
  key    = "function/${data.archive_file.function.output_md5}.zip"
  source = data.archive_file.function.output_path
}

resource "aws_iam_role" "function" {
  name = "layer"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_lambda_function" "function" {
  function_name    = "layer"
  role             = aws_iam_role.function.arn
  runtime          = "python3.12"
  handler          = "handler.handler"
  s3_bucket        = aws_s3_bucket.code.id
  s3_key           = aws_s3_object.code.key
  source_code_hash = data.archive_file.function.output_base64sha256
  layers           = [aws_lambda_layer_version.shared.arn]
}
