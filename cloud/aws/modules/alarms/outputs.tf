output "topic_arn" {
  description = "The ARN of the SNS topic that alarms are sent to"
  value       = aws_sns_topic.this.arn
}
