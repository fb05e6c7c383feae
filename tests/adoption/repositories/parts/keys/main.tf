resource "aws_kms_key" "main" {
  description             = "keys"
  deletion_window_in_days = 7
  enable_key_rotation     = true
}

resource "aws_kms_alias" "main" {
  name          = "alias/keys"
  target_key_id = aws_kms_key.main.key_id
}

resource "aws_sqs_queue" "fifo" {
  name                        = "keys.fifo"
  fifo_queue                  = true
  content_based_deduplication = true
  kms_master_key_id           = aws_kms_alias.main.name
}

resource "aws_sns_topic" "topic" {
  name              = "keys"
  kms_master_key_id = aws_kms_key.main.arn
}
