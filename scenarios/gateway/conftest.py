"""What the scenarios of the gateway share: tokens, an upstream on this machine, and a gateway that leads to it.

The stack's own configuration leads to other stacks. A scenario that needs routes of its own has the function configured
anew for as long as its file runs; the configuration that Terraform made is back afterwards.
"""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from scenarios.gateway.lab import ECHO, Bearer, Configure, LineOf, SessionOf, TokenOf, Upstream, claims_of, signed
from staticfire.testing.kit import AccountLogs, ApiAnswer, ApiClient, StackUnderTest


@pytest.fixture(scope="session", params=["gateway", pytest.param("gateway-image", marks=pytest.mark.slow)])
def staticfire_stack_name(request: pytest.FixtureRequest) -> str:
    """The gateway as a zip and as an image."""
    return str(request.param)


@pytest.fixture
def user() -> str:
    """A user nobody else has."""
    return f"user-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def secret(staticfire_stack: StackUnderTest) -> str:
    """What the stack's issuer signs tokens with."""
    arn = staticfire_stack.outputs["token_secret_arn"]
    return str(staticfire_stack.aws("secretsmanager").get_secret_value(SecretId=arn)["SecretString"])


@pytest.fixture
def token_of(secret: str) -> TokenOf:
    """A token of the stack's issuer for a user; claims that are None are left out."""
    return lambda user, **claims: signed(claims_of(user, **claims), secret.encode())


@pytest.fixture
def bearer() -> Bearer:
    return lambda token: {"authorization": f"Bearer {token}"}


@pytest.fixture
def session_of(api: ApiClient, token_of: TokenOf, bearer: Bearer) -> SessionOf:
    """Logs a user in."""

    def log_in(user: str, **body: Any) -> str:
        answer = api.post("/auth/login", json=body, headers=bearer(token_of(user)))
        assert answer.status == 201, answer
        return str(answer.json()["session"])

    return log_in


@pytest.fixture(scope="module")
def upstream(staticfire_target: str) -> Iterator[Upstream]:
    """From a container, this machine is `host.docker.internal`."""
    in_a_container = staticfire_target == "compose"
    made = Upstream(*(("0.0.0.0", "host.docker.internal") if in_a_container else ("127.0.0.1", "127.0.0.1")))
    yield made
    made.close()


@pytest.fixture(scope="module")
def stack(staticfire_stacks: Callable[[str], StackUnderTest], staticfire_stack_name: str) -> StackUnderTest:
    return staticfire_stacks(staticfire_stack_name)


@pytest.fixture(scope="module")
def configured(stack: StackUnderTest) -> Iterator[Configure]:
    """Gives the gateway another configuration, and new environments with it."""
    client = stack.aws("lambda")
    name = stack.outputs["api_function_name"]
    before = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]

    def update(variables: Mapping[str, str]) -> None:
        client.update_function_configuration(FunctionName=name, Environment={"Variables": dict(variables)})
        client.get_waiter("function_updated_v2").wait(FunctionName=name)

    def configure(configuration: Mapping[str, Any]) -> None:
        tokens = {"issuer": "gateway", "audience": "gateway"}
        content = json.dumps({"tokens": tokens, "sessions": {"seconds": 600}, **configuration})
        update({**before, "GATEWAY_CONFIGURATION": content, "CONFIGURED": uuid.uuid4().hex})

    yield configure
    update(before)


@pytest.fixture(scope="module")
def echo(stack: StackUnderTest) -> Iterator[str]:
    """A function that answers the event it received."""
    client = stack.aws("lambda")
    role = client.get_function_configuration(FunctionName=stack.outputs["api_function_name"])["Role"]
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("echo.py", ECHO)
    name = f"echo-{uuid.uuid4().hex[:8]}"
    code = {"ZipFile": package.getvalue()}
    client.create_function(FunctionName=name, Runtime="python3.13", Role=role, Handler="echo.handler", Code=code)
    client.get_waiter("function_active_v2").wait(FunctionName=name)
    yield name
    client.delete_function(FunctionName=name)


@pytest.fixture
def line_of(logs: AccountLogs, staticfire_stack: StackUnderTest) -> LineOf:
    """The log line of an answered request; None while there is none."""

    def find(answer: ApiAnswer) -> dict[str, Any] | None:
        lines = [json.loads(line) for line in logs(staticfire_stack.outputs["api_function_name"]) if line[:1] == "{"]
        identity = answer.headers["x-request-id"]
        its_lines = [line for line in lines if line.get("api_request_id") == identity]
        return its_lines[0] if its_lines else None

    return find
