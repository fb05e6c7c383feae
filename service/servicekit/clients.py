"""boto3's clients with the patience that a request has: its defaults wait a minute for an answer, and try ten times.

Clients are made while the function starts, of one session, which reads botocore's models once. Their parameters are
not checked here: the service does it again. Every operation must be safe to send twice: it is, after a lost answer.
"""

from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from servicekit.errors import Unavailable

CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 2.0
ATTEMPTS = 3
# As a text: what botocore says by itself, it puts together twice a request, for a tenth of the request's CPU.
USER_AGENT = f"Boto3/{boto3.__version__} servicekit"
OUR_MISTAKE = {"ValidationException", "SerializationException", "IdempotentParameterMismatchException"}

_session = boto3.Session()


def client(
    service: str,
    *,
    attempts: int = ATTEMPTS,
    answer_seconds: float = ANSWER_SECONDS,
    endpoint_url: str | None = None,
) -> Any:
    """For any number of threads."""
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=answer_seconds,
        # Not "standard": its quota of retries is not given back where a lost answer's second try meets its own write
        # (a condition that fails), and soon nothing is tried again.
        retries={"mode": "legacy", "total_max_attempts": attempts},
        parameter_validation=False,
        user_agent=USER_AGENT,
    )
    return _session.client(service, config=config, endpoint_url=endpoint_url)


def credentials() -> Any:
    """What the function signs with, for a request that boto3's clients cannot send."""
    return _session.get_credentials()


def send(operation: Callable[..., Any], **request: Any) -> Any:
    """What the operation answers. Unavailable when the service is away or refuses; ClientError is a mistake of ours."""
    try:
        return operation(**request)
    except ClientError as error:
        if code_of(error) in OUR_MISTAKE:
            raise
        raise Unavailable(str(error)) from error
    except BotoCoreError as error:
        raise Unavailable(f"{type(error).__name__}: {error}") from error


def code_of(error: ClientError) -> str:
    code: str = error.response["Error"]["Code"]
    return code
