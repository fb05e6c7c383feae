"""A secret of Secrets Manager, read when first needed and then kept for a while."""

import logging
import time
from collections.abc import Callable

from servicekit.aws import CallFailed, JsonService
from servicekit.errors import Unavailable

logger = logging.getLogger(__name__)

KEPT_SECONDS = 300.0
AWAY_SECONDS = 10.0


class KeptSecret:
    """One that is rotated is known here within `seconds`; while Secrets Manager is away, the one known last is used.

    It is then asked again every ten seconds only: to wait for it in vain costs a request its patience.
    """

    def __init__(
        self,
        client: JsonService,
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
            except (CallFailed, Unavailable) as error:
                if not self._values:
                    raise Unavailable(f"a secret cannot be read: {error}") from error
                self._stale_at = self._clock() + AWAY_SECONDS
                logger.warning("a secret cannot be read again", extra={"problem": str(error)})
        return self._values

    def _read(self) -> list[str]:
        current = self._version("AWSCURRENT")
        if current is None:
            raise Unavailable("it has no text")
        previous = self._version("AWSPREVIOUS") if self._with_previous else None
        return [current] if previous is None else [current, previous]

    def _version(self, stage: str) -> str | None:
        """A version's text; a stage that no version is in is an error on AWS, and an answer without one elsewhere."""
        try:
            answer = self._client.call("GetSecretValue", {"SecretId": self._arn, "VersionStage": stage})
        except CallFailed as error:
            if stage == "AWSPREVIOUS" and error.code == "ResourceNotFoundException":
                return None
            raise
        return answer.get("SecretString")
