"""A shop with an API, an authorizer, a throttled route, a topic and what a schedule invokes, and the command in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from staticfire import boto
from staticfire.host.ports import free_port
from staticfire.stacks.terraform.variables import DEFAULT_ACCOUNT

SECONDS = 300
TERRAFORM = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
provider "aws" { region = "us-east-1" }
variable "packages" { type = map(string) }

resource "aws_iam_role" "all" {
  name = "all"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole",
    Principal = { Service = ["lambda.amazonaws.com", "scheduler.amazonaws.com"] } }] })
}
resource "aws_dynamodb_table" "orders" {
  name         = "orders"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"
  attribute {
    name = "id"
    type = "S"
  }
}
resource "aws_sns_topic" "orders" { name = "orders" }
resource "aws_lambda_function" "these" {
  for_each         = toset(["front", "gate", "heard", "timed"])
  function_name    = each.key
  role             = aws_iam_role.all.arn
  runtime          = "python3.13"
  handler          = "shop.${each.key}.handler"
  filename         = var.packages.shop
  source_code_hash = filebase64sha256(var.packages.shop)
  timeout          = 20
  environment { variables = { TABLE = aws_dynamodb_table.orders.name, TOPIC = aws_sns_topic.orders.arn } }
}
resource "aws_sns_topic_subscription" "heard" {
  topic_arn = aws_sns_topic.orders.arn
  protocol  = "lambda"
  endpoint  = aws_lambda_function.these["heard"].arn
}
resource "aws_lambda_permission" "these" {
  for_each      = { front = "apigateway", gate = "apigateway", heard = "sns" }
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.these[each.key].function_name
  principal     = "${each.value}.amazonaws.com"
}
resource "aws_apigatewayv2_api" "shop" {
  name          = "shop"
  protocol_type = "HTTP"
}
resource "aws_apigatewayv2_integration" "front" {
  api_id                 = aws_apigatewayv2_api.shop.id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_function.these["front"].invoke_arn
  payload_format_version = "2.0"
}
resource "aws_apigatewayv2_authorizer" "gate" {
  api_id                            = aws_apigatewayv2_api.shop.id
  name                              = "gate"
  authorizer_type                   = "REQUEST"
  authorizer_uri                    = aws_lambda_function.these["gate"].invoke_arn
  authorizer_payload_format_version = "2.0"
  enable_simple_responses           = true
  authorizer_result_ttl_in_seconds  = 0
  identity_sources                  = ["$request.header.Authorization"]
}
resource "aws_apigatewayv2_route" "open" {
  for_each  = toset(["POST /orders", "GET /few"])
  api_id    = aws_apigatewayv2_api.shop.id
  route_key = each.key
  target    = "integrations/${aws_apigatewayv2_integration.front.id}"
}
resource "aws_apigatewayv2_route" "secret" {
  api_id             = aws_apigatewayv2_api.shop.id
  route_key          = "GET /secret"
  target             = "integrations/${aws_apigatewayv2_integration.front.id}"
  authorization_type = "CUSTOM"
  authorizer_id      = aws_apigatewayv2_authorizer.gate.id
}
resource "aws_cloudwatch_log_group" "access" { name = "/shop/access" }
resource "aws_apigatewayv2_stage" "live" {
  api_id      = aws_apigatewayv2_api.shop.id
  name        = "live"
  auto_deploy = true
  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access.arn
    format = jsonencode({ requestId = "$context.requestId", status = "$context.status", route = "$context.routeKey" })
  }
  route_settings {
    route_key              = "GET /few"
    throttling_rate_limit  = 1
    throttling_burst_limit = 1
  }
  depends_on = [aws_apigatewayv2_route.open]
}
output "api_id" { value = aws_apigatewayv2_api.shop.id }
output "stage" { value = aws_apigatewayv2_stage.live.name }
output "topic" { value = aws_sns_topic.orders.arn }
output "role" { value = aws_iam_role.all.arn }
output "timed" { value = aws_lambda_function.these["timed"].arn }
"""
SOURCES = {
    "front": """
import json, logging, os, boto3
dynamodb, sns = boto3.client("dynamodb"), boto3.client("sns")
logging.getLogger().setLevel("INFO")

def handler(event, context):
    order = json.loads(event.get("body") or "{}")
    if order.get("malformed"):
        return {"statusCode": "none"}
    if order.get("fails"):
        raise ValueError(order["fails"])
    if order:
        logging.info("order %s", order["id"])
        print(json.dumps({"level": "WARNING", "message": "taken", "order": order["id"]}))
        dynamodb.put_item(TableName=os.environ["TABLE"], Item={"id": {"S": order["id"]}})
        sns.publish(TopicArn=os.environ["TOPIC"], Message=order["id"])
    return {"statusCode": 201, "body": context.aws_request_id}
""",
    "gate": """
def handler(event, context):
    return {"isAuthorized": event["headers"]["authorization"] == "open"}
""",
    "heard": """
def handler(event, context):
    print("heard", event["Records"][0]["Sns"]["Message"])
""",
    "timed": """
def handler(event, context):
    print("on time:", event["word"])
""",
}


class Receiver(ThreadingHTTPServer):
    """What takes OTLP over HTTP: the spans that came, by their names."""

    def __init__(self) -> None:
        self.spans: dict[str, tuple[str, dict[str, Any]]] = {}
        self.paths: set[str] = set()
        super().__init__(("127.0.0.1", 0), Receiving)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def take(self, path: str, document: dict[str, Any]) -> None:
        self.paths.add(path)
        for resource in document["resourceSpans"]:
            service = resource["resource"]["attributes"][0]["value"]["stringValue"]
            for scope in resource["scopeSpans"]:
                self.spans |= {span["name"]: (service, span) for span in scope["spans"]}


class Receiving(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        self.server.take(self.path, json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Not on the test's own output."""


@dataclass
class Answer:
    status: int
    text: str
    request: str


class TracedProject:
    def __init__(self, directory: Path, receiver: Receiver) -> None:
        self.directory = directory
        self.receiver = receiver
        self.port = free_port()
        self.variables = {**os.environ, "STATICFIRE_PORT": str(self.port)}
        (directory / "src").mkdir()
        for name, text in SOURCES.items():
            (directory / "src" / f"{name}.py").write_text(text)
        (directory / "main.tf").write_text(TERRAFORM)
        (directory / "staticfire.toml").write_text(
            f'[staticfire]\notlp = "http://127.0.0.1:{receiver.server_port}/base"\n'
            '[stacks.shop]\nroot = "."\ndefault = true\n[stacks.shop.zips.shop]\nsource = "src"\npackage = "shop"\n'
        )

    def run(self, *arguments: str, code: int = 0) -> tuple[str, str]:
        run = subprocess.run(
            [sys.executable, "-m", "staticfire", *arguments],
            cwd=self.directory,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert run.returncode == code, run.stdout + run.stderr
        return run.stdout, run.stderr

    def up(self) -> None:
        summary = json.loads(self.run("up", "--json")[0])
        self.api = str(summary["apis"]["shop"])
        self.outputs = summary["stacks"]["shop"]["outputs"]

    def request(self, path: str, body: Any = None, **headers: str) -> Answer:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.api + path, data, {"content-type": "application/json", **headers})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return Answer(answer.status, answer.read().decode(), answer.headers["apigw-requestid"])
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.read().decode(), error.headers["apigw-requestid"])

    def aws(self, service: str) -> Any:
        return boto.client(f"http://127.0.0.1:{self.port}", "us-east-1", DEFAULT_ACCOUNT, service)
