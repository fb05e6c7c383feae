resource "aws_lambda_layer_version" "shared" {
  layer_name          = "shared"
  filename            = data.archive_file.function.output_path
  compatible_runtimes = ["python3.13"]
}

resource "aws_lambda_layer_version_permission" "shared" {
  layer_name     = aws_lambda_layer_version.shared.layer_name
  version_number = aws_lambda_layer_version.shared.version
  statement_id   = "others"
  action         = "lambda:GetLayerVersion"
  principal      = "111111111111"
}

resource "aws_lambda_function" "one" {
  function_name    = "one"
  role             = aws_iam_role.functions.arn
  runtime          = "python3.13"
  handler          = "handler.handler"
  filename         = data.archive_file.function.output_path
  source_code_hash = data.archive_file.function.output_base64sha256
  publish          = true
  layers           = [aws_lambda_layer_version.shared.arn]
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  function_name    = aws_lambda_function.one.function_name
  function_version = aws_lambda_function.one.version
}

resource "aws_lambda_permission" "one" {
  statement_id  = "events"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.one.function_name
  principal     = "events.amazonaws.com"
}

resource "aws_lambda_function_url" "one" {
  function_name      = aws_lambda_function.one.function_name
  authorization_type = "NONE"
}

resource "aws_lambda_function_event_invoke_config" "one" {
  function_name          = aws_lambda_function.one.function_name
  maximum_retry_attempts = 1
}

resource "aws_lambda_event_source_mapping" "one" {
  event_source_arn = aws_sqs_queue.work.arn
  function_name    = aws_lambda_function.one.arn
}

resource "aws_lambda_invocation" "one" {
  function_name = aws_lambda_function.one.function_name
  input         = jsonencode({ hello = "world" })
}

resource "aws_lambda_function" "functions2_two" {
  function_name = "two"
  role          = aws_iam_role.functions2_functions2.arn
  runtime       = "python3.13"
  handler       = "handler.handler"
  filename      = data.archive_file.function.output_path
  publish       = true
}

resource "aws_lambda_provisioned_concurrency_config" "functions2_two" {
  function_name                     = aws_lambda_function.functions2_two.function_name
  qualifier                         = aws_lambda_function.functions2_two.version
  provisioned_concurrent_executions = 1
}

resource "aws_lambda_function_recursion_config" "functions2_two" {
  function_name  = aws_lambda_function.functions2_two.function_name
  recursive_loop = "Allow"
}

resource "aws_signer_signing_profile" "functions2_two" {
  platform_id = "AWSLambda-SHA384-ECDSA"
  name        = "functions_signing"
}

resource "aws_lambda_function" "secret_rotation_rotator" {
  function_name = "rotator"
  role          = aws_iam_role.secret_rotation_rotation.arn
  runtime       = "python3.13"
  handler       = "handler.handler"
  filename      = data.archive_file.function.output_path
  publish       = true
}

resource "aws_lambda_permission" "secret_rotation_rot" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.secret_rotation_rotator.function_name
  principal     = "secretsmanager.amazonaws.com"
}

resource "aws_lambda_runtime_management_config" "functions2_two" {
  function_name     = aws_lambda_function.functions2_two.function_name
  update_runtime_on = "FunctionUpdate"
}

resource "aws_lambda_code_signing_config" "functions2_two" {
  allowed_publishers {
    signing_profile_version_arns = [aws_signer_signing_profile.functions2_two.version_arn]
  }
}
