"""A function as the recorded conversations make it, and as AWS describes it."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from tests.conformance.lab import Lab, zipped
from tests.recorded.answers import Answers

ARN = "arn:aws:lambda:<region>:<account>:function:<function>"
CODE = {"handler.py": "def handler(event, context):\n    return event\n"}
OTHER_CODE = {"handler.py": "def handler(event, context):\n    return {'other': event}\n"}

CREATING = {"State": "Pending", "StateReason": "The function is being created.", "StateReasonCode": "Creating"}
ACTIVE = {"State": "Active", "LastUpdateStatus": "Successful"}
UPDATING = {
    "State": "Active",
    "LastUpdateStatus": "InProgress",
    "LastUpdateStatusReason": "The function is being created.",
    "LastUpdateStatusReasonCode": "Creating",
}
CODE_OF = {"Location": "<url>", "RepositoryType": "S3"}


def create(lab: Lab, name: str, **settings: Any) -> Any:
    """The answer to CreateFunction."""
    request = {
        "FunctionName": name,
        "Runtime": "python3.12",
        "Role": lab.role(),
        "Handler": "handler.handler",
        "Code": {"ZipFile": zipped(CODE)},
    }
    return lab.aws("lambda").create_function(**request | settings)


def active(lab: Lab, name: str) -> None:
    lab.aws("lambda").get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})


def updated(lab: Lab, name: str) -> None:
    lab.aws("lambda").get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})


def configuration(revision: str, state: dict[str, str], **changes: Any) -> dict[str, Any]:
    """What AWS tells of a function: only what differs from the plainest one is named. None leaves a field out."""
    described = {
        "Architectures": ["x86_64"],
        "CodeSha256": "<sha256:1>",
        "CodeSize": "<size>",
        "Description": "",
        "EphemeralStorage": {"Size": 512},
        "FunctionArn": ARN,
        "FunctionName": "<function>",
        "Handler": "handler.handler",
        "LastModified": "<date>",
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/<function>"},
        "MemorySize": 128,
        "PackageType": "Zip",
        "RevisionId": f"<uuid:{revision}>",
        "Role": "arn:aws:iam::<account>:role/<role>",
        "Runtime": "python3.12",
        "RuntimeVersionConfig": {"RuntimeVersionArn": "arn:aws:lambda:<region>::runtime:<hash>"},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "Timeout": 3,
        "TracingConfig": {"Mode": "PassThrough"},
        "Version": "$LATEST",
        **state,
        **changes,
    }
    return {name: value for name, value in described.items() if value is not None}


def listed(revision: str, **changes: Any) -> dict[str, Any]:
    """The same in a list, which tells no states and no runtime version."""
    return configuration(revision, {}, RuntimeVersionConfig=None, **changes)


def not_there(answers: Answers, call: Any, arn: str = ARN, message: str = "Function not found: ") -> None:
    answers_with(answers, call, "ResourceNotFoundException", f"{message}{arn}", 404, "Message")


def answers_with(
    answers: Answers, call: Any, code: str, text: str, status: int = 400, spelled: str = "message"
) -> None:
    """An error of Lambda's own: its type, and its message once more."""
    answers.refused(call, code, text, status, Type="User", **{spelled: text})


def invalid(answers: Answers, call: Any, *problems: str) -> None:
    """What AWS's front refuses before Lambda sees it. It tells several problems in no particular order."""
    count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} detected: "

    def in_order() -> Any:
        try:
            return call()
        except ClientError as error:
            answer = error.response["Error"]
            head, _, rest = answer["Message"].partition(": ")
            answer["Message"] = f"{head}: " + "; ".join(sorted(rest.split("; ")))
            raise

    answers.refused(in_order, "ValidationException", count + "; ".join(sorted(problems)), 400)
