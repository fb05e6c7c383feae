"""Packages as repositories have them: native wheels for several Pythons, layers of other accounts by ARN.

This miniature has a staticfire.toml: it says what no Terraform does.
"""

from __future__ import annotations

import json

import pytest

from staticfire.host.waiting import wait_until
from tests.adoption.conftest import Repository

MINIATURE = "packages"
SECONDS = 60


@pytest.fixture(scope="module")
def said(project: Repository) -> str:
    """What `up` said."""
    return project.staticfire("up", "--detach")


@pytest.fixture(scope="module")
def packages(project: Repository, said: str) -> Repository:
    return project


def test_native_wheels_run_on_the_functions_python(packages: Repository) -> None:
    """orjson, pydantic and cryptography, whatever Python runs the command."""
    assert [packages.invoke(f"packages-{name}") for name in ("older", "newer")] == [[[3, 12], 42], [[3, 13], 42]]


def test_powertools_layer_by_its_public_arn(packages: Repository, said: str) -> None:
    """It is made of what PyPI has; its metrics become CloudWatch's."""
    assert "PythonV3-python312-x86_64:18: made here of aws-lambda-powertools 3." in said
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/double/21",
        "requestContext": {"http": {"method": "GET", "path": "/double/21"}, "stage": "$default"},
        "headers": {},
    }
    client = packages.client("lambda")
    payload = client.invoke(FunctionName="packages-powertools", Payload=json.dumps(event))["Payload"].read()
    assert json.loads(json.loads(payload)["body"]) == {"double": 42}
    described = client.get_function_configuration(FunctionName="packages-powertools")["Layers"]
    layer = client.get_layer_version_by_arn(Arn=described[0]["Arn"])
    assert (layer["Version"], layer["Content"]["CodeSize"]) == (18, described[0]["CodeSize"])
    cloudwatch = packages.client("cloudwatch")
    wait_until(lambda: bool(cloudwatch.list_metrics(Namespace="Packages")["Metrics"]), SECONDS, 0.5)


def test_layer_whose_file_the_toml_names(packages: Repository) -> None:
    """Its version is known after apply only."""
    assert packages.invoke("packages-greeting") == "hello ann"


def test_native_module_for_another_python_is_said(packages: Repository, said: str) -> None:
    """Before the apply, and after the import error in the function's log."""
    sentence = "the native module of fast is for cpython-39, not for python3.12"
    assert f"aws_lambda_function.vendored has a zip that does not fit: {sentence}" in said
    assert "Unable to import module" in packages.invoke("packages-vendored")["errorMessage"]
    logs = packages.client("logs")

    def lines() -> list[str]:
        events = logs.filter_log_events(logGroupName="/aws/lambda/packages-vendored")["events"]
        return [event["message"] for event in events]

    wait_until(lambda: any(sentence in line for line in lines()), SECONDS, 0.5)


def test_layer_that_nobody_can_get_is_refused(packages: Repository) -> None:
    text = packages.staticfire("up", "--detach", "refused", code=9)
    assert "AWS-Parameters-and-Secrets-Lambda-Extension:12 of the account 177933569100" in text
    assert "in the table [layers]" in text
    assert "refused" not in [
        function["FunctionName"] for function in packages.client("lambda").list_functions()["Functions"]
    ]


def test_all_stays_and_goes(packages: Repository) -> None:
    """The last of this module."""
    assert "no changes" in packages.staticfire("apply", "packages")
    packages.staticfire("destroy", "packages")
    assert packages.left("us-east-1") == []
    assert packages.is_untouched(MINIATURE)
