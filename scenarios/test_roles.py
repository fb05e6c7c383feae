"""What the functions may do: what their roles allow and nothing more, looked at and tried out.

The stacks are applied to an emulator that enforces IAM, where a function signs with a session of its role. `PROBES` has
a request of each stack that its function cannot answer rightly without its table.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from staticfire.settings import load
from staticfire.testing.kit import ApiAnswer, StackUnderTest, wait_until
from staticfire.testing.run import OwnStack


class Probe(NamedTuple):
    """A request, as a function of its number, so that none is a repetition; and the answer that tells all is well."""

    request: Callable[[int], tuple[str, str, Any]]
    status: int


PROBES = {
    "usage": Probe(lambda n: ("POST", "/usage", {"user": f"user-{n}", "usage": n}), 201),
    "events": Probe(lambda n: ("POST", "/events", {"type": "probe", "source": "roles", "data": {"n": n}}), 202),
    "tasks": Probe(lambda n: ("POST", "/tasks", {"title": f"task {n}"}), 201),
    "todos": Probe(lambda n: ("GET", "/health", None), 200),
    "chat": Probe(lambda n: ("GET", f"/rooms/room-{n}/messages", None), 200),
    "gateway": Probe(lambda n: ("GET", "/health/ready", None), 200),
}
# The Terraform of gateway, tasks and todos once more: with another package, another API, another language.
STACKS = sorted(set(load(Path(__file__).parents[1]).stacks) - {"gateway-image", "tasks-rest", "todos-node"})


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest, staticfire_enforcing: Callable[[str], OwnStack]) -> StackUnderTest:
    return staticfire_enforcing(request.param).stack


def test_every_stack_has_a_probe() -> None:
    assert sorted(PROBES) == STACKS


def test_no_statement_of_a_role_is_for_everything(stack: StackUnderTest) -> None:
    statements = {role: list(allowed(stack.aws("iam"), role)) for role in roles(stack)}

    assert all(statements.values()), "a role without a policy: this would show nothing"
    for role, its_statements in statements.items():
        for statement in its_statements:
            assert not ("*" in listed(statement["Action"]) and "*" in listed(statement["Resource"])), (role, statement)
            assert not any(action.endswith(":*") for action in listed(statement["Action"])), (role, statement)


def test_the_service_works_with_its_role_and_not_without_its_table(stack: StackUnderTest) -> None:
    numbers = iter(range(1000))

    def ask() -> ApiAnswer:
        probe = PROBES[stack.name]
        method, path, content = probe.request(next(numbers))
        return stack.api.request(method, path, json=content)

    def refusal() -> ApiAnswer | None:
        answer = ask()
        return answer if answer.status >= 500 else None

    def well() -> bool:
        return ask().status == PROBES[stack.name].status

    assert well()
    with without_tables(stack):
        refused = wait_until(refusal, "the refusal of the table")
    assert refused is not None
    assert "AccessDenied" not in refused.text, "the answer tells what is inside"
    wait_until(well, "the service, its permission given back")


@contextmanager
def without_tables(stack: StackUnderTest) -> Iterator[None]:
    """No role of the stack may do anything to a table."""
    iam = stack.aws("iam")
    changed = []
    for role in roles(stack):
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            kept = [statement for statement in document["Statement"] if not mentions_dynamodb(statement)]
            if kept != document["Statement"]:
                changed.append({"RoleName": role, "PolicyName": name, "PolicyDocument": json.dumps(document)})
                narrower = json.dumps({**document, "Statement": kept})
                iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=narrower)
    assert changed, "no role of the stack may use a table"
    try:
        yield
    finally:
        for policy in changed:
            iam.put_role_policy(**policy)


def roles(stack: StackUnderTest) -> list[str]:
    """The roles of the stack's functions: those of the outputs named `..._function_name`."""
    names = [value for name, value in stack.outputs.items() if name.endswith("_function_name")]
    functions = stack.aws("lambda")
    roles = {functions.get_function_configuration(FunctionName=name)["Role"].rpartition("/")[2] for name in names}
    assert roles, "no output of the stack names a function"
    return sorted(roles)


def allowed(iam: Any, role: str) -> Iterator[dict[str, Any]]:
    """Every statement that allows something to `role`, of its own policies and of those attached to it."""
    documents = [
        iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    ]
    for attached in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        version = iam.get_policy(PolicyArn=attached["PolicyArn"])["Policy"]["DefaultVersionId"]
        version_of_it = iam.get_policy_version(PolicyArn=attached["PolicyArn"], VersionId=version)
        documents.append(version_of_it["PolicyVersion"]["Document"])
    for document in documents:
        yield from (statement for statement in listed(document["Statement"]) if statement["Effect"] == "Allow")


def mentions_dynamodb(statement: dict[str, Any]) -> bool:
    return any(action.startswith("dynamodb:") for action in listed(statement["Action"]))


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
