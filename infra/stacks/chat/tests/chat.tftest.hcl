# What the stack is, checked on plans and applies against a mocked provider: no account, no network, a few seconds.

mock_provider "aws" {
  source = "../../mocks"
}

variables {
  packages = {
    chat  = "versions.tf"
    layer = "versions.tf"
  }
}

run "each_function_may_do_no_more_than_it_needs" {
  assert {
    condition = { for statement in jsondecode(module.service.policies["sockets"]).Statement : statement.Sid => statement.Action } == {
      WriteOwnLogs = ["logs:CreateLogStream", "logs:PutLogEvents"]
      KeepRooms    = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"]
      TellClients  = ["execute-api:ManageConnections"]
    }
    error_message = "The function of the WebSocket API may do more, or less, than it needs."
  }

  assert {
    condition = { for statement in jsondecode(module.service.policies["api"]).Statement : statement.Sid => statement.Action } == {
      WriteOwnLogs = ["logs:CreateLogStream", "logs:PutLogEvents"]
      ReadRooms    = ["dynamodb:Query"]
    }
    error_message = "The function of the HTTP API may do more, or less, than it needs."
  }
}

run "messages_are_answered_and_connecting_is_not" {
  assert {
    condition     = toset(keys(aws_apigatewayv2_route_response.sockets)) == toset(["$default", "say", "who"])
    error_message = "Only messages have a response."
  }
}
