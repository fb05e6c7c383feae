# Each function has a log group, and a role that allows what its statements say and nothing else.

locals {
  statements = merge(
    { for name, function in var.functions : name => merge(try(var.database.statements, {}), function.statements) },
    { for name in local.schema : name => var.database.statements },
  )

  # arn:PARTITION:logs:REGION:ACCOUNT:log-group:NAME
  arn_parts  = split(":", values(aws_cloudwatch_log_group.function)[0].arn)
  partition  = local.arn_parts[1]
  region     = local.arn_parts[3]
  account_id = local.arn_parts[4]
}

resource "aws_cloudwatch_log_group" "function" {
  for_each = local.function_names

  name              = "/aws/lambda/${each.value}"
  retention_in_days = local.settings.log_retention_days
}

resource "aws_iam_role" "this" {
  for_each = local.function_names

  name = each.value
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "function" {
  for_each = local.function_names

  name = "function"
  role = aws_iam_role.this[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "WriteOwnLogs"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = "${aws_cloudwatch_log_group.function[each.key].arn}:*"
        },
      ],
      [
        for sid, statement in local.statements[each.key] : {
          Sid      = sid
          Effect   = "Allow"
          Action   = statement.actions
          Resource = statement.resources
        }
      ],
    )
  })
}

# Lambda itself uses the role to attach the function to the VPC. The describing actions know no resources; the others
# are bound to this account and region; and the function's own code may use none of them.
resource "aws_iam_role_policy" "vpc" {
  for_each = { for name, function in local.function_names : name => function if var.database != null }

  name = "vpc"
  role = aws_iam_role.this[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "DescribeNetwork"
        Effect   = "Allow"
        Action   = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"]
        Resource = "*"
      },
      {
        Sid    = "ManageNetworkInterfaces"
        Effect = "Allow"
        Action = [
          "ec2:AssignPrivateIpAddresses",
          "ec2:CreateNetworkInterface",
          "ec2:DeleteNetworkInterface",
          "ec2:UnassignPrivateIpAddresses",
        ]
        Resource = "arn:${local.partition}:ec2:${local.region}:${local.account_id}:*/*"
      },
      {
        Sid    = "NotFromTheFunctionItself"
        Effect = "Deny"
        Action = [
          "ec2:AssignPrivateIpAddresses",
          "ec2:CreateNetworkInterface",
          "ec2:DeleteNetworkInterface",
          "ec2:DescribeNetworkInterfaces",
          "ec2:DescribeSubnets",
          "ec2:UnassignPrivateIpAddresses",
        ]
        Resource = "*"
        Condition = {
          ArnEquals = {
            "lambda:SourceFunctionArn" = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${each.value}"
          }
        }
      },
    ]
  })
}
