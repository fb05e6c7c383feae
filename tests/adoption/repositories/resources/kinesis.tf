resource "aws_kinesis_stream" "dynamodb_copy" {
  name        = "resources-copy"
  shard_count = 1
}

resource "aws_kinesis_stream" "log_group_logs" {
  name        = "resources-logs"
  shard_count = 1
}

resource "aws_kinesis_stream" "log_dest" {
  name        = "dest"
  shard_count = 1
}

resource "aws_kinesis_stream" "kinesis" {
  name        = "resources"
  shard_count = 1
}

resource "aws_kinesis_stream_consumer" "kinesis" {
  name       = "c"
  stream_arn = aws_kinesis_stream.kinesis.arn
}

resource "aws_kinesis_firehose_delivery_stream" "kinesis" {
  name        = "resources"
  destination = "extended_s3"
  extended_s3_configuration {
    role_arn   = aws_iam_role.kinesis_r.arn
    bucket_arn = aws_s3_bucket.kinesis_f.arn
  }
}

resource "aws_kinesis_stream" "kinesis_policy" {
  name        = "pol"
  shard_count = 1
}

resource "aws_kinesis_resource_policy" "kinesis_policy" {
  resource_arn = aws_kinesis_stream.kinesis_policy.arn
  policy       = jsonencode({ Version = "2012-10-17", Statement = [{ Sid = "a", Effect = "Allow", Principal = { AWS = "000000000000" }, Action = ["kinesis:DescribeStreamSummary"], Resource = aws_kinesis_stream.kinesis_policy.arn }] })
}
