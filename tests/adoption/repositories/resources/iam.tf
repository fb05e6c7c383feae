resource "aws_iam_role" "functions" {
  name = "functions"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_iam_role" "functions2_functions2" {
  name = "functions2"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_iam_role" "rest_account_gw" {
  name               = "gw"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "apigateway.amazonaws.com" } }] })
}

resource "aws_iam_role" "s3_replication_rep" {
  name               = "replication"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "s3.amazonaws.com" } }] })
}

resource "aws_iam_role" "eventbridge_scheduler" {
  name = "scheduler"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "scheduler.amazonaws.com" } }]
  })
}

resource "aws_iam_role" "pipes_pipe" {
  name = "pipe"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "pipes.amazonaws.com" } }]
  })
}

resource "aws_iam_role" "iam_app" {
  name = "resources-app"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}

resource "aws_iam_policy" "iam_read" {
  name = "resources-read"
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "s3:GetObject", Resource = "*" }]
  })
}

resource "aws_iam_role_policy" "iam_app" {
  role = aws_iam_role.iam_app.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "s3:GetObject", Resource = "*" }]
  })
}

resource "aws_iam_role_policy_attachment" "iam_app" {
  role       = aws_iam_role.iam_app.name
  policy_arn = aws_iam_policy.iam_read.arn
}

resource "aws_iam_instance_profile" "iam_app" {
  name = "resources-app"
  role = aws_iam_role.iam_app.name
}

resource "aws_iam_user" "iam_ann" {
  name = "ann"
}

resource "aws_iam_access_key" "iam_ann" {
  user = aws_iam_user.iam_ann.name
}

resource "aws_iam_user_policy" "iam_ann" {
  user = aws_iam_user.iam_ann.name
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "s3:GetObject", Resource = "*" }]
  })
}

resource "aws_iam_user_policy_attachment" "iam_ann" {
  user       = aws_iam_user.iam_ann.name
  policy_arn = aws_iam_policy.iam_read.arn
}

resource "aws_iam_group" "iam_staff" {
  name = "staff"
}

resource "aws_iam_group_policy" "iam_staff" {
  group = aws_iam_group.iam_staff.name
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "s3:GetObject", Resource = "*" }]
  })
}

resource "aws_iam_group_policy_attachment" "iam_staff" {
  group      = aws_iam_group.iam_staff.name
  policy_arn = aws_iam_policy.iam_read.arn
}

resource "aws_iam_group_membership" "iam_staff" {
  name  = "staff"
  group = aws_iam_group.iam_staff.name
  users = [aws_iam_user.iam_ann.name]
}

resource "aws_iam_openid_connect_provider" "iam_ci" {
  url             = "https://token.actions.githubusercontent.com"
  client_id_list  = ["sts.amazonaws.com"]
  thumbprint_list = ["6938fd4d98bab03faadb97b34396831e3780aea1"]
}

resource "aws_iam_service_linked_role" "iam_ecs" {
  aws_service_name = "ecs.amazonaws.com"
}

resource "aws_iam_user" "iam2_bob" {
  name = "bob"
}

resource "aws_iam_group" "iam2_g" {
  name = "bobs"
}

resource "aws_iam_user_group_membership" "iam2" {
  user   = aws_iam_user.iam2_bob.name
  groups = [aws_iam_group.iam2_g.name]
}

resource "aws_iam_account_alias" "iam_alias" {
  account_alias = "resources-alias"
}

resource "aws_iam_account_password_policy" "iam_pwd" {
  minimum_password_length = 12
}

resource "aws_iam_user" "iam_login" {
  name = "carl"
}

resource "aws_iam_user_login_profile" "iam_login" {
  user = aws_iam_user.iam_login.name
}

resource "aws_iam_policy" "iam_polattach_p" {
  name = "attached"
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "s3:GetObject", Resource = "*" }]
  })
}

resource "aws_iam_role" "iam_polattach_p" {
  name = "attached"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}

resource "aws_iam_policy_attachment" "iam_polattach" {
  name       = "x"
  roles      = [aws_iam_role.iam_polattach_p.name]
  policy_arn = aws_iam_policy.iam_polattach_p.arn
}

resource "aws_iam_role" "iam_excl_x" {
  name = "exclusive"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policies_exclusive" "iam_excl_x" {
  role_name    = aws_iam_role.iam_excl_x.name
  policy_names = []
}

resource "aws_iam_role_policy_attachments_exclusive" "iam_excl_x" {
  role_name   = aws_iam_role.iam_excl_x.name
  policy_arns = []
}

resource "aws_iam_saml_provider" "iam_saml" {
  name                   = "saml"
  saml_metadata_document = "<EntityDescriptor xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"x\">${join("", [for n in range(1000) : "<!-- a -->"])}</EntityDescriptor>"
}

resource "aws_iam_role" "keys_user" {
  name = "resources-key-user"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_iam_role" "secret_rotation_rotation" {
  name = "rotation"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_iam_role" "log_group_logs" {
  name               = "resources-logs"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "logs.amazonaws.com" } }] })
}

resource "aws_iam_role" "log_dest" {
  name               = "dest"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "logs.amazonaws.com" } }] })
}

resource "aws_iam_role" "net_flow_f" {
  name = "flow"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}

resource "aws_iam_role" "cognito_identity_v" {
  name = "visitors"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}

resource "aws_iam_role" "sfn_r" {
  name = "resources-sfn"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}

resource "aws_iam_role" "sfn_alias_r" {
  name = "resources-sfn_alias"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}

resource "aws_iam_role" "kinesis_r" {
  name = "resources-kinesis"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}

resource "aws_iam_role" "codebuild_r" {
  name = "resources-codebuild"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}

resource "aws_iam_role" "codepipeline_r" {
  name = "resources-codepipeline"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}

resource "aws_iam_role" "glue_r" {
  name = "resources-glue"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}

resource "aws_iam_role" "cloudtrail_r" {
  name = "resources-cloudtrail"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}
