resource "aws_dynamodb_table" "dynamodb_items" {
  name             = "resources-items"
  billing_mode     = "PAY_PER_REQUEST"
  hash_key         = "id"
  stream_enabled   = true
  stream_view_type = "NEW_IMAGE"

  lifecycle {
    ignore_changes = [tags, tags_all]
  }

  attribute {
    name = "id"
    type = "S"
  }
}

resource "aws_dynamodb_table_item" "dynamodb_first" {
  table_name = aws_dynamodb_table.dynamodb_items.name
  hash_key   = aws_dynamodb_table.dynamodb_items.hash_key
  item       = jsonencode({ id = { S = "first" } })
}

resource "aws_dynamodb_kinesis_streaming_destination" "dynamodb_items" {
  stream_arn = aws_kinesis_stream.dynamodb_copy.arn
  table_name = aws_dynamodb_table.dynamodb_items.name
}

resource "aws_dynamodb_resource_policy" "dynamodb_items" {
  resource_arn = aws_dynamodb_table.dynamodb_items.arn
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "dynamodb:GetItem", Principal = { AWS = "000000000000" }, Resource = aws_dynamodb_table.dynamodb_items.arn }]
  })
}

resource "aws_dynamodb_tag" "dynamodb_items" {
  resource_arn = aws_dynamodb_table.dynamodb_items.arn
  key          = "more"
  value        = "yes"
}

resource "aws_dynamodb_contributor_insights" "dynamodb_items" {
  table_name = aws_dynamodb_table.dynamodb_items.name
}

resource "aws_dynamodb_table" "dynamodb_export_e" {
  name         = "resources-export"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"
  attribute {
    name = "id"
    type = "S"
  }
  point_in_time_recovery {
    enabled = true
  }
}

resource "aws_dynamodb_table_export" "dynamodb_export_e" {
  table_arn = aws_dynamodb_table.dynamodb_export_e.arn
  s3_bucket = aws_s3_bucket.dynamodb_export_e.id
}

resource "aws_dynamodb_table" "appautoscaling_s" {
  name           = "scaled"
  hash_key       = "id"
  read_capacity  = 1
  write_capacity = 1
  attribute {
    name = "id"
    type = "S"
  }
}
