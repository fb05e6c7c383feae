# Where alarms go: an SNS topic that CloudWatch may publish to, and a mail address that is told.
# The topic is not encrypted with AWS's own key for SNS: alarms cannot publish to a topic that is. Alarms hold no secrets.

resource "aws_sns_topic" "this" {
  name = var.name
}

resource "aws_sns_topic_policy" "this" {
  arn = aws_sns_topic.this.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AlarmsOfThisAccount"
      Effect    = "Allow"
      Principal = { Service = "cloudwatch.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.this.arn
      # arn:PARTITION:sns:REGION:ACCOUNT:NAME
      Condition = { StringEquals = { "aws:SourceAccount" = split(":", aws_sns_topic.this.arn)[4] } }
    }]
  })
}

# On AWS the subscription waits until the link in its first mail was followed.
resource "aws_sns_topic_subscription" "email" {
  count = var.email == null ? 0 : 1

  topic_arn = aws_sns_topic.this.arn
  protocol  = "email"
  endpoint  = var.email
}
