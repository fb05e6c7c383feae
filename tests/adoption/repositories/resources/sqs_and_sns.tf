resource "aws_sqs_queue" "work" {
  name = "functions-work"
}

resource "aws_sqs_queue" "s3_uploads" {
  name = "resources-uploads"
}

resource "aws_sqs_queue_policy" "s3_uploads" {
  queue_url = aws_sqs_queue.s3_uploads.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sqs:SendMessage", Principal = { Service = "s3.amazonaws.com" }, Resource = aws_sqs_queue.s3_uploads.arn }]
  })
}

resource "aws_sqs_queue" "messages_work" {
  name = "resources-work"
}

resource "aws_sqs_queue" "messages_dead" {
  name = "resources-dead"
}

resource "aws_sqs_queue_redrive_policy" "messages_work" {
  queue_url      = aws_sqs_queue.messages_work.id
  redrive_policy = jsonencode({ deadLetterTargetArn = aws_sqs_queue.messages_dead.arn, maxReceiveCount = 3 })
}

resource "aws_sqs_queue_redrive_allow_policy" "messages_dead" {
  queue_url            = aws_sqs_queue.messages_dead.id
  redrive_allow_policy = jsonencode({ redrivePermission = "byQueue", sourceQueueArns = [aws_sqs_queue.messages_work.arn] })
}

resource "aws_sns_topic" "messages_news" {
  name = "resources-news"
}

resource "aws_sns_topic_policy" "messages_news" {
  arn = aws_sns_topic.messages_news.arn
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Sid = "publish", Effect = "Allow", Action = "sns:Publish", Principal = { Service = "events.amazonaws.com" }, Resource = aws_sns_topic.messages_news.arn }]
  })
}

resource "aws_sns_topic_subscription" "messages_work" {
  topic_arn = aws_sns_topic.messages_news.arn
  protocol  = "sqs"
  endpoint  = aws_sqs_queue.messages_work.arn
}

resource "aws_sns_platform_application" "sns_platform" {
  name                = "phones"
  platform            = "GCM"
  platform_credential = "key"
}

resource "aws_sns_topic" "sns_dp_t" {
  name = "protected"
}

resource "aws_sqs_queue" "eventbridge_paid" {
  name = "resources-paid"
}

resource "aws_sqs_queue" "pipes_in" {
  name = "pipe-in"
}

resource "aws_sqs_queue" "pipes_out" {
  name = "pipe-out"
}

resource "aws_sns_topic" "rds_events_r" {
  name = "rdsevents"
}

resource "aws_sns_topic" "ses_notif_s" {
  name = "bounces"
}
