resource "aws_s3_bucket" "dynamodb_export_e" {
  bucket        = "resources-export"
  force_destroy = true
}

resource "aws_s3_bucket" "s3_files" {
  bucket        = "resources-files"
  force_destroy = true
}

resource "aws_s3_bucket" "s3_logs" {
  bucket        = "resources-logs"
  force_destroy = true
}

resource "aws_s3_object" "s3_file" {
  bucket  = aws_s3_bucket.s3_files.id
  key     = "a.txt"
  content = "content"
}

resource "aws_s3_object_copy" "s3_file" {
  bucket = aws_s3_bucket.s3_files.id
  key    = "b.txt"
  source = "${aws_s3_bucket.s3_files.id}/${aws_s3_object.s3_file.key}"
}

resource "aws_s3_bucket_versioning" "s3_files" {
  bucket = aws_s3_bucket.s3_files.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_public_access_block" "s3_files" {
  bucket              = aws_s3_bucket.s3_files.id
  block_public_acls   = true
  block_public_policy = true
}

resource "aws_s3_bucket_ownership_controls" "s3_files" {
  bucket = aws_s3_bucket.s3_files.id
  rule {
    object_ownership = "BucketOwnerPreferred"
  }
}

resource "aws_s3_bucket_acl" "s3_files" {
  bucket     = aws_s3_bucket.s3_files.id
  acl        = "private"
  depends_on = [aws_s3_bucket_ownership_controls.s3_files]
}

resource "aws_s3_bucket_server_side_encryption_configuration" "s3_files" {
  bucket = aws_s3_bucket.s3_files.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_policy" "s3_files" {
  bucket = aws_s3_bucket.s3_files.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Deny", Action = "s3:*", Principal = "*", Resource = "${aws_s3_bucket.s3_files.arn}/*", Condition = { Bool = { "aws:SecureTransport" = "false" } } }]
  })
}

resource "aws_s3_bucket_cors_configuration" "s3_files" {
  bucket = aws_s3_bucket.s3_files.id
  cors_rule {
    allowed_methods = ["GET"]
    allowed_origins = ["https://example.com"]
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "s3_files" {
  bucket = aws_s3_bucket.s3_files.id
  rule {
    id     = "old"
    status = "Enabled"
    filter {
      prefix = "old/"
    }
    expiration {
      days = 30
    }
  }
}

resource "aws_s3_bucket_website_configuration" "s3_files" {
  bucket = aws_s3_bucket.s3_files.id
  index_document {
    suffix = "index.html"
  }
}

resource "aws_s3_bucket_logging" "s3_files" {
  bucket        = aws_s3_bucket.s3_files.id
  target_bucket = aws_s3_bucket.s3_logs.id
  target_prefix = "s3/"
}

resource "aws_s3_bucket_notification" "s3_files" {
  bucket = aws_s3_bucket.s3_files.id
  queue {
    queue_arn = aws_sqs_queue.s3_uploads.arn
    events    = ["s3:ObjectCreated:*"]
  }
  depends_on = [aws_sqs_queue_policy.s3_uploads]
}

resource "aws_s3_bucket_object" "s3_older" {
  bucket  = aws_s3_bucket.s3_files.id
  key     = "older.txt"
  content = "content"
}

resource "aws_s3_bucket" "s3_accel" {
  bucket        = "resources-s3-accel"
  force_destroy = true
}

resource "aws_s3_bucket_accelerate_configuration" "s3_accel" {
  bucket = aws_s3_bucket.s3_accel.id
  status = "Enabled"
}

resource "aws_s3_bucket" "s3_metric" {
  bucket        = "resources-s3-metric"
  force_destroy = true
}

resource "aws_s3_bucket_metric" "s3_metric" {
  bucket = aws_s3_bucket.s3_metric.id
  name   = "all"
}

resource "aws_s3_bucket" "s3_inventory" {
  bucket        = "resources-s3-inventory"
  force_destroy = true
}

resource "aws_s3_bucket" "s3_analytics" {
  bucket        = "resources-s3-analytics"
  force_destroy = true
}

resource "aws_s3_bucket_analytics_configuration" "s3_analytics" {
  bucket = aws_s3_bucket.s3_analytics.id
  name   = "all"
}

resource "aws_s3_bucket" "s3_tiering" {
  bucket        = "resources-s3-tiering"
  force_destroy = true
}

resource "aws_s3_bucket_intelligent_tiering_configuration" "s3_tiering" {
  bucket = aws_s3_bucket.s3_tiering.id
  name   = "all"
  tiering {
    access_tier = "DEEP_ARCHIVE_ACCESS"
    days        = 180
  }
}

resource "aws_s3_bucket" "s3_payer" {
  bucket        = "resources-s3-payer"
  force_destroy = true
}

resource "aws_s3_bucket_request_payment_configuration" "s3_payer" {
  bucket = aws_s3_bucket.s3_payer.id
  payer  = "Requester"
}

resource "aws_s3_bucket" "s3_ap" {
  bucket        = "resources-s3-ap"
  force_destroy = true
}

resource "aws_s3_bucket" "s3_lock_b" {
  bucket        = "resources-s3-lock"
  force_destroy = true
}

resource "aws_s3_bucket" "s3_lock_l" {
  bucket              = "resources-locked"
  object_lock_enabled = true
  force_destroy       = true
}

resource "aws_s3_bucket_object_lock_configuration" "s3_lock" {
  bucket = aws_s3_bucket.s3_lock_l.id
  rule {
    default_retention {
      mode = "GOVERNANCE"
      days = 1
    }
  }
}

resource "aws_s3_bucket" "s3_replication_b" {
  bucket        = "resources-s3-replication"
  force_destroy = true
}

resource "aws_s3_bucket" "s3_replication_r" {
  bucket        = "resources-replica"
  force_destroy = true
}

resource "aws_s3_bucket_versioning" "s3_replication_b" {
  bucket = aws_s3_bucket.s3_replication_b.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_versioning" "s3_replication_r" {
  bucket = aws_s3_bucket.s3_replication_r.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_replication_configuration" "s3_replication" {
  depends_on = [aws_s3_bucket_versioning.s3_replication_b, aws_s3_bucket_versioning.s3_replication_r]
  bucket     = aws_s3_bucket.s3_replication_b.id
  role       = aws_iam_role.s3_replication_rep.arn
  rule {
    id     = "all"
    status = "Enabled"
    destination {
      bucket = aws_s3_bucket.s3_replication_r.arn
    }
  }
}

resource "aws_s3_bucket" "kinesis_f" {
  bucket        = "resources-firehose"
  force_destroy = true
}

resource "aws_s3_bucket" "cloudfront" {
  bucket = "resources-site"
}

resource "aws_s3_bucket" "athena_q" {
  bucket        = "resources-queries"
  force_destroy = true
}

resource "aws_s3_bucket" "cloudtrail_t" {
  bucket        = "resources-trail"
  force_destroy = true
}
