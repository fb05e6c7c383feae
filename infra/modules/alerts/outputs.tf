output "topic_arn" {
  description = "ARN of the topic: what alarms name as their action."
  value       = aws_sns_topic.this.arn

  # Who publishes needs the policy.
  depends_on = [aws_sns_topic_policy.this]
}

output "subscribers" {
  description = "How many mail addresses are told."
  value       = length(aws_sns_topic_subscription.email)
}
