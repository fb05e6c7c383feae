# A role that deployments from GitHub take by OpenID Connect, with no stored keys: those of one branch of one repository.

locals {
  github = "token.actions.githubusercontent.com"
}

resource "aws_iam_openid_connect_provider" "this" {
  url            = "https://${local.github}"
  client_id_list = ["sts.amazonaws.com"]
}

resource "aws_iam_role" "this" {
  name        = var.name
  description = "Deployments of ${var.branch} of ${var.repository}."

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = aws_iam_openid_connect_provider.this.arn }
      Condition = {
        StringEquals = {
          "${local.github}:aud" = "sts.amazonaws.com"
          "${local.github}:sub" = "repo:${var.repository}:ref:refs/heads/${var.branch}"
        }
      }
    }]
  })
}

# What a deployment may do is the account's decision: policies are named, none is made up here.
resource "aws_iam_role_policy_attachment" "this" {
  for_each = var.policy_arns

  role       = aws_iam_role.this.name
  policy_arn = each.value
}
