# A Python function, in a VPC where subnets are given, with a role of its own that allows what its statements say and
# nothing else.

locals {
  # arn:PARTITION:logs:REGION:ACCOUNT:log-group:NAME
  arn_parts  = split(":", aws_cloudwatch_log_group.this.arn)
  partition  = local.arn_parts[1]
  region     = local.arn_parts[3]
  account_id = local.arn_parts[4]
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
}

resource "aws_iam_role" "this" {
  name = var.name
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name = "function"
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "WriteOwnLogs"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = "${aws_cloudwatch_log_group.this.arn}:*"
        },
      ],
      [
        for sid, statement in var.statements : {
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
  count = length(var.subnet_ids) > 0 ? 1 : 0

  name = "vpc"
  role = aws_iam_role.this.id
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
            "lambda:SourceFunctionArn" = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.name}"
          }
        }
      },
    ]
  })
}

resource "aws_lambda_function" "this" {
  function_name = var.name
  description   = var.description
  role          = aws_iam_role.this.arn

  runtime       = var.runtime
  architectures = [var.architecture]
  handler       = var.handler
  layers        = var.layers

  filename         = var.package
  source_code_hash = filebase64sha256(var.package)

  memory_size                    = var.memory_size
  timeout                        = var.timeout
  reserved_concurrent_executions = var.reserved_concurrency

  environment {
    variables = var.environment
  }

  dynamic "vpc_config" {
    for_each = length(var.subnet_ids) > 0 ? [var.subnet_ids] : []

    content {
      subnet_ids         = vpc_config.value
      security_group_ids = var.security_group_ids
    }
  }

  logging_config {
    log_format            = "JSON"
    log_group             = aws_cloudwatch_log_group.this.name
    application_log_level = "INFO"
    system_log_level      = "INFO"
  }

  depends_on = [aws_iam_role_policy.this, aws_iam_role_policy.vpc]
}

resource "aws_lambda_permission" "this" {
  for_each = var.invokers

  statement_id  = each.key
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this.function_name
  principal     = each.value.principal
  source_arn    = each.value.source_arn
}
