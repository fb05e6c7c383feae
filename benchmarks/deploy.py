"""The same functions, API, table and database for every contender: through boto3, without Terraform.

What a contender is given differs in its endpoint and in the name of its database, and in nothing else.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from pg8000.native import identifier

from staticfire.targets.postgres.server import RunningPostgres

from .processes import MeasureError

REGION = "us-east-1"
ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/bench"
TABLE = "bench-usage"
STAGE = "$default"
REST_STAGE = "bench"  # a REST API has no $default
CONFIG = Config(retries={"total_max_attempts": 1}, read_timeout=60)
EVENTS = "create table bench_events (id bigint generated always as identity primary key, usage numeric)"


@dataclass(frozen=True)
class Packages:
    """The zips: the handlers of this directory, the usage service's functions, and the layer with what they import."""

    handlers: Path
    usage: Path
    schema: Path
    layer: Path


@dataclass(frozen=True)
class Database:
    """One contender's own database on the Postgres that all share."""

    host: str
    port: int
    name: str
    user: str
    password: str

    @classmethod
    def create(cls, server: RunningPostgres, name: str) -> Database:
        connection = server.connect()
        try:
            connection.run(f"drop database if exists {identifier(name)} with (force)")
            connection.run(f"create database {identifier(name)}")
        finally:
            connection.close()
        connection = server.connect(name)
        try:
            connection.run(EVENTS)
        finally:
            connection.close()
        return cls(server.host, server.port, name, server.admin_user, server.admin_password)

    def variables(self) -> dict[str, str]:
        fields = {"HOST": self.host, "PORT": str(self.port), "NAME": self.name, "USER": self.user}
        return {f"DATABASE_{key}": value for key, value in fields.items()} | {"DATABASE_PASSWORD": self.password}

    def secret(self) -> dict[str, object]:
        return {
            "engine": "postgres",
            "host": self.host,
            "port": self.port,
            "dbname": self.name,
            "username": self.user,
            "password": self.password,
        }


class Account:
    """An account at one endpoint, and what is deployed in it."""

    def __init__(self, endpoint: str, runtime: str, packages: Packages, database: Database) -> None:
        self.endpoint = endpoint
        self._runtime = runtime
        self._packages = packages
        self.database = database
        self._api = ""
        self._rest = ""
        self.service_variables: Mapping[str, str] = {}
        self._layer = ""
        self._clients: dict[str, Any] = {}
        self._session = boto3.session.Session(ACCOUNT, "test", region_name=REGION)

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._session.client(service, endpoint_url=self.endpoint, config=CONFIG)
        return self._clients[service]

    def url(self, path: str) -> str:
        return f"{self.endpoint}/_aws/execute-api/{self._api}/{STAGE}{path}"

    def rest_url(self, path: str) -> str:
        return f"{self.endpoint}/_aws/execute-api/{self._rest}/{REST_STAGE}{path}"

    def deploy(self) -> None:
        layer = self.client("lambda").publish_layer_version(
            LayerName="bench", Content={"ZipFile": self._packages.layer.read_bytes()}
        )
        self._layer = layer["LayerVersionArn"]
        self.make_stores()
        packages, database = self._packages, self.database.variables()
        self._function("bench-schema", packages.schema, "usage.schema.init.handler", self.service_variables)
        self._invoke("bench-schema")
        self._function("bench-imports", packages.handlers, "imports.handler", {})
        silent = self._function("bench-silent", packages.handlers, "silent.handler", {})
        self._rest_api("silent", silent)
        self._http_api(
            {
                "GET /silent": silent,
                "GET /insert": self._function("bench-insert", packages.handlers, "insert.handler", database),
                "POST /usage": self._function(
                    "bench-usage", packages.usage, "usage.api.handler", self.service_variables
                ),
            }
        )

    def make_stores(self) -> None:
        """The secret and the table of the usage service."""
        secret = self.client("secretsmanager").create_secret(
            Name="bench-database", SecretString=json.dumps(self.database.secret())
        )
        self.client("dynamodb").create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        )
        item = {"pk": {"S": "bench"}, "total": {"N": "150"}}
        self.client("dynamodb").put_item(TableName=TABLE, Item=item)
        self.service_variables = {
            "POWERTOOLS_METRICS_NAMESPACE": "bench",
            "DATABASE_SECRET_ARN": secret["ARN"],
            "DATABASE_TLS": "prefer",
            "TABLE_NAME": TABLE,
        }

    def _function(self, name: str, package: Path, handler: str, variables: Mapping[str, str]) -> str:
        functions = self.client("lambda")
        created = functions.create_function(
            FunctionName=name,
            Runtime=self._runtime,
            Role=ROLE,
            Handler=handler,
            Code={"ZipFile": package.read_bytes()},
            Layers=[self._layer],
            Environment={"Variables": dict(variables)},
            MemorySize=512,
            Timeout=25,
        )
        self._active(name)
        return str(created["FunctionArn"])

    def make_cold(self, name: str, mark: str) -> None:
        """A changed configuration: the next invocation is the first one of a new execution environment."""
        self.client("lambda").update_function_configuration(
            FunctionName=name, Environment={"Variables": {"MARK": mark}}
        )
        self._active(name)

    def _active(self, name: str) -> None:
        functions = self.client("lambda")
        deadline = time.monotonic() + 30
        while True:
            configuration = functions.get_function_configuration(FunctionName=name)
            if configuration["State"] == "Active" and configuration["LastUpdateStatus"] == "Successful":
                return
            if configuration["State"] == "Failed" or time.monotonic() > deadline:
                raise MeasureError(f"the function {name} at {self.endpoint} is not ready: {configuration}")
            time.sleep(0.05)

    def _invoke(self, name: str) -> None:
        answer = self.client("lambda").invoke(FunctionName=name, Payload=b"{}")
        if "FunctionError" in answer:
            raise MeasureError(f"{name} at {self.endpoint} failed: {answer['Payload'].read().decode()}")

    def _rest_api(self, path: str, function: str) -> None:
        """The same function behind a REST API."""
        gateway, functions = self.client("apigateway"), self.client("lambda")
        made = gateway.create_rest_api(name="bench-rest")
        self._rest = made["id"]
        root = gateway.get_resources(restApiId=self._rest)["items"][0]["id"]
        resource = gateway.create_resource(restApiId=self._rest, parentId=root, pathPart=path)["id"]
        place = {"restApiId": self._rest, "resourceId": resource, "httpMethod": "GET"}
        gateway.put_method(**place, authorizationType="NONE")
        uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function}/invocations"
        gateway.put_integration(**place, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
        functions.add_permission(
            FunctionName=function,
            StatementId="rest-api",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{self._rest}/*",
        )
        gateway.create_deployment(restApiId=self._rest, stageName=REST_STAGE)

    def _http_api(self, routes: Mapping[str, str]) -> None:
        gateway, functions = self.client("apigatewayv2"), self.client("lambda")
        self._api = gateway.create_api(Name="bench", ProtocolType="HTTP")["ApiId"]
        for key, function in routes.items():
            integration = gateway.create_integration(
                ApiId=self._api,
                IntegrationType="AWS_PROXY",
                IntegrationUri=function,
                PayloadFormatVersion="2.0",
            )
            gateway.create_route(ApiId=self._api, RouteKey=key, Target=f"integrations/{integration['IntegrationId']}")
            functions.add_permission(
                FunctionName=function,
                StatementId="api",
                Action="lambda:InvokeFunction",
                Principal="apigateway.amazonaws.com",
                SourceArn=f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{self._api}/*",
            )
        gateway.create_stage(ApiId=self._api, StageName=STAGE, AutoDeploy=True)


def unsigned(service: str) -> dict[str, str]:
    """Headers that say whose call it is; emulators verify no signature."""
    credential = f"{ACCOUNT}/20261121/{REGION}/{service}/aws4_request"
    return {"authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature={'0' * 64}"}
