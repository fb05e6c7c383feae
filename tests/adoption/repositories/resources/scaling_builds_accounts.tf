resource "aws_budgets_budget" "budgets" {
  name         = "month"
  budget_type  = "COST"
  limit_amount = "10"
  limit_unit   = "USD"
  time_unit    = "MONTHLY"
}

resource "aws_appautoscaling_target" "appautoscaling" {
  min_capacity       = 1
  max_capacity       = 5
  resource_id        = "table/${aws_dynamodb_table.appautoscaling_s.name}"
  scalable_dimension = "dynamodb:table:ReadCapacityUnits"
  service_namespace  = "dynamodb"
}

resource "aws_appautoscaling_policy" "appautoscaling" {
  name               = "p"
  policy_type        = "TargetTrackingScaling"
  resource_id        = aws_appautoscaling_target.appautoscaling.resource_id
  scalable_dimension = aws_appautoscaling_target.appautoscaling.scalable_dimension
  service_namespace  = aws_appautoscaling_target.appautoscaling.service_namespace
  target_tracking_scaling_policy_configuration {
    target_value = 70
    predefined_metric_specification {
      predefined_metric_type = "DynamoDBReadCapacityUtilization"
    }
  }
}

resource "aws_appautoscaling_scheduled_action" "appautoscaling" {
  name               = "n"
  resource_id        = aws_appautoscaling_target.appautoscaling.resource_id
  scalable_dimension = aws_appautoscaling_target.appautoscaling.scalable_dimension
  service_namespace  = aws_appautoscaling_target.appautoscaling.service_namespace
  schedule           = "rate(1 day)"
  scalable_target_action {
    min_capacity = 1
    max_capacity = 2
  }
}

resource "aws_cloudformation_stack" "cfn" {
  name          = "cfn"
  template_body = jsonencode({ Resources = { Q = { Type = "AWS::SQS::Queue" } } })
}

resource "aws_resourcegroups_group" "rg" {
  name = "rg"
  resource_query {
    query = jsonencode({ ResourceTypeFilters = ["AWS::AllSupported"], TagFilters = [{ Key = "a", Values = ["b"] }] })
  }
}

resource "aws_backup_vault" "backup" {
  name = "vault"
}

resource "aws_backup_plan" "backup" {
  name = "p"
  rule {
    rule_name         = "r"
    target_vault_name = aws_backup_vault.backup.name
    schedule          = "cron(0 12 * * ? *)"
  }
}

resource "aws_cloudtrail" "cloudtrail" {
  name           = "ttt"
  s3_bucket_name = aws_s3_bucket.cloudtrail_t.id
}
