"""What a function signs its calls with: a session of its role, of each execution environment's own.

Where the emulator enforces IAM, its STS makes the session, and the role's policies say what it may do. Elsewhere the
edge makes it, and the role need not exist. A session outlives its execution environment: nothing is renewed, as nothing
is on AWS.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from staticfire.edge.aws.access_keys import AccessKeys, Caller
from staticfire.edge.aws.calls import AwsError
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.aws.issued_keys import IssuedKeys

from .model import FunctionConfig

SESSION_SECONDS = 12 * 60 * 60
LONGEST_SESSION_NAME = 64


def session_name(function: str) -> str:
    """Of the role's session: the function's name, where one of a single character would be too short."""
    return f"{function}@lambda_function" if len(function) == 1 else function[:LONGEST_SESSION_NAME]


class Credentials(Protocol):
    async def variables(self, config: FunctionConfig, execution_environment: str) -> Mapping[str, str]:
        """The variables with a key, its secret and its token."""


class OfEdge:
    def __init__(self, access_keys: AccessKeys) -> None:
        self._access_keys = access_keys

    async def variables(self, config: FunctionConfig, execution_environment: str) -> Mapping[str, str]:
        caller = Caller(config.scope.account, config.role, session_name(config.name), execution_environment)
        return _variables(*self._access_keys.issue(caller))


class OfEmulator:
    def __init__(self, emulator: Emulator, issued: IssuedKeys, access_keys: AccessKeys) -> None:
        self._emulator = emulator
        self._issued = issued
        self._access_keys = access_keys

    async def variables(self, config: FunctionConfig, execution_environment: str) -> Mapping[str, str]:
        parameters = {
            "RoleArn": config.role,
            "RoleSessionName": session_name(config.name),
            "DurationSeconds": str(SESSION_SECONDS),
        }
        try:
            answer = await self._emulator.query(config.scope, "sts", "AssumeRole", parameters)
        except AwsError as error:
            if error.status >= 500:
                raise
            raise AwsError(
                403,
                "AccessDeniedException",
                f"The role defined for the function cannot be assumed by Lambda: {config.role}: {error.message}",
            ) from error
        session = {element.tag.rpartition("}")[2]: element.text or "" for element in answer.iter()}
        self._access_keys.handed_out(session["AccessKeyId"], execution_environment)
        await self._issued.keep_session(config.scope, parameters, session, config.role)
        return _variables(session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])


def _variables(key: str, secret: str, token: str) -> Mapping[str, str]:
    return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token}
