resource "aws_cognito_user_pool" "cognito" {
  name = "people"
}

resource "aws_cognito_user_pool_client" "cognito" {
  name         = "web"
  user_pool_id = aws_cognito_user_pool.cognito.id
}

resource "aws_cognito_user_pool_domain" "cognito" {
  domain       = "resources-people"
  user_pool_id = aws_cognito_user_pool.cognito.id
}

resource "aws_cognito_resource_server" "cognito" {
  identifier   = "https://example.com"
  name         = "api"
  user_pool_id = aws_cognito_user_pool.cognito.id
  scope {
    scope_name        = "read"
    scope_description = "read"
  }
}

resource "aws_cognito_user_group" "cognito" {
  name         = "admins"
  user_pool_id = aws_cognito_user_pool.cognito.id
}

resource "aws_cognito_user" "cognito" {
  user_pool_id = aws_cognito_user_pool.cognito.id
  username     = "ann"
}

resource "aws_cognito_user_in_group" "cognito" {
  user_pool_id = aws_cognito_user_pool.cognito.id
  group_name   = aws_cognito_user_group.cognito.name
  username     = aws_cognito_user.cognito.username
}

resource "aws_cognito_identity_pool" "cognito_identity" {
  identity_pool_name               = "visitors"
  allow_unauthenticated_identities = true
}

resource "aws_cognito_identity_pool_roles_attachment" "cognito_identity" {
  identity_pool_id = aws_cognito_identity_pool.cognito_identity.id
  roles            = { unauthenticated = aws_iam_role.cognito_identity_v.arn }
}

resource "aws_cognito_user_pool" "cognito_idp" {
  name = "idp"
}

resource "aws_cognito_identity_provider" "cognito_idp" {
  user_pool_id     = aws_cognito_user_pool.cognito_idp.id
  provider_name    = "Google"
  provider_type    = "Google"
  provider_details = { authorize_scopes = "email", client_id = "x", client_secret = "y" }
}

resource "aws_cognito_user_pool" "cognito_ui" {
  name = "ui"
}

resource "aws_cognito_user_pool_domain" "cognito_ui" {
  domain       = "resources-ui"
  user_pool_id = aws_cognito_user_pool.cognito_ui.id
}

resource "aws_cognito_user_pool_ui_customization" "cognito_ui" {
  css          = ".label-customizable {font-weight: 400;}"
  user_pool_id = aws_cognito_user_pool_domain.cognito_ui.user_pool_id
}

resource "aws_cognito_user_pool" "cognito_risk" {
  name = "risk"
}

resource "aws_cognito_user_pool" "waf_assoc_w" {
  name = "waf"
}
