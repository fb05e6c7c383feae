"""Calls of Lambda functions by an API: which function, whether it allows the API, the time limit."""

from __future__ import annotations

from collections.abc import Mapping

from staticfire.edge.aws.calls import Scope
from staticfire.edge.services.lambda_ import FunctionRef, Functions, Outcome

from .texts import with_stage_variables

PRINCIPAL = "apigateway.amazonaws.com"


class TimedOut(Exception):
    """The function took longer than the gateway waits. It runs on, as on AWS."""


class NotAllowed(Exception):
    """The function's resource policy does not allow this API."""


def function_text(uri: str) -> str:
    """The function in a URI: `arn:aws:apigateway:R:lambda:path/2015-03-31/functions/ARN/invocations`, or the ARN."""
    _, separator, rest = uri.partition("/functions/")
    return rest.removesuffix("/invocations") if separator else uri


class Callee:
    """The function behind a URI; one with stage variables in it depends on the stage."""

    def __init__(self, functions: Functions, scope: Scope, uri: str, credentials: str | None) -> None:
        self._functions = functions
        self._scope = scope
        self._uri = uri
        self._credentials = credentials
        self._fixed = FunctionRef.parse(function_text(uri), scope) if "${" not in uri else None

    def ref(self, stage_variables: Mapping[str, str]) -> FunctionRef:
        if self._fixed is not None:
            return self._fixed
        uri = with_stage_variables(self._uri, stage_variables)
        return FunctionRef.parse(function_text(uri), self._scope)

    async def call(
        self,
        payload: bytes,
        source_arn: str,
        seconds: float,
        *,
        stage_variables: Mapping[str, str],
        trace_id: str,
    ) -> Outcome:
        """The function's answer, unless it is not allowed or too late. An AwsError says that it could not run."""
        ref = self.ref(stage_variables)
        # With a role in `credentials` the role's policy decides, not the function's: not checked here.
        if self._credentials is None and not await self._functions.allows(ref, PRINCIPAL, source_arn):
            raise NotAllowed(
                f"{ref.arn} has no permission for {PRINCIPAL} with source {source_arn}: add an aws_lambda_permission"
            )
        try:
            return await self._functions.invoke(ref, payload, trace_id=trace_id, patience=seconds)
        except TimeoutError as error:
            raise TimedOut(f"{ref.arn} has not answered within {seconds:g} s") from error
