output "topic_arn" {
  description = "ARN of the topic: what alarms name as their action."
  value       = aws_sns_topic.this.arn

  # Who publishes needs the policy.
  depends_on = [aws_sns_topic_policy.this]
}
