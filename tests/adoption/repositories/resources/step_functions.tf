resource "aws_sfn_state_machine" "sfn" {
  name       = "resources"
  role_arn   = aws_iam_role.sfn_r.arn
  definition = jsonencode({ StartAt = "A", States = { A = { Type = "Pass", End = true } } })
  publish    = true
}

resource "aws_sfn_activity" "sfn" {
  name = "resources"
}

resource "aws_sfn_state_machine" "sfn_alias" {
  name       = "aliased"
  role_arn   = aws_iam_role.sfn_alias_r.arn
  definition = jsonencode({ StartAt = "A", States = { A = { Type = "Pass", End = true } } })
  publish    = true
}

resource "aws_sfn_alias" "sfn_alias" {
  name = "live"
  routing_configuration {
    state_machine_version_arn = aws_sfn_state_machine.sfn_alias.state_machine_version_arn
    weight                    = 100
  }
}
