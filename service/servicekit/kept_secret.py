"""A secret that is kept while Secrets Manager is away: Powertools' cache forgets it when its time is up."""

import time
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from servicekit.clients import code_of, send
from servicekit.errors import Unavailable

logger = Logger()

KEPT_SECONDS = 300.0
AWAY_SECONDS = 10.0


class KeptSecret:
    """One that is rotated is known here within `seconds`; while Secrets Manager is away, the one known last is used.

    It is then asked again every ten seconds only: to wait for it in vain costs a request its patience.
    """

    def __init__(
        self,
        client: Any,
        arn: str,
        seconds: float = KEPT_SECONDS,
        *,
        with_previous: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._arn = arn
        self._seconds = seconds
        self._with_previous = with_previous
        self._clock = clock
        self._values: list[str] = []
        self._stale_at = float("-inf")

    def value(self) -> str:
        """Raises Unavailable while it was never read and cannot be."""
        return self.values()[0]

    def values(self) -> list[str]:
        """The current one; then, `with_previous`, the one before the last rotation, where there is one."""
        if self._clock() >= self._stale_at:
            try:
                self._values = self._read()
                self._stale_at = self._clock() + self._seconds
            except Unavailable as error:
                if not self._values:
                    raise
                self._stale_at = self._clock() + AWAY_SECONDS
                logger.warning("a secret cannot be read again", problem=str(error))
        return self._values

    def _read(self) -> list[str]:
        current = self._version("AWSCURRENT")
        if current is None:
            raise Unavailable("a secret has no text")
        previous = self._version("AWSPREVIOUS") if self._with_previous else None
        return [current] if previous is None else [current, previous]

    def _version(self, stage: str) -> str | None:
        """A version's text; a stage that no version is in is an error on AWS, and an answer without one elsewhere."""
        try:
            answer = send(self._client.get_secret_value, SecretId=self._arn, VersionStage=stage)
        except Unavailable as error:
            cause = error.__cause__
            is_missing = isinstance(cause, ClientError) and code_of(cause) == "ResourceNotFoundException"
            if stage == "AWSPREVIOUS" and is_missing:
                return None
            raise
        text: str | None = answer.get("SecretString")
        return text
