"""A secret of Secrets Manager, read when first needed and then kept for a while."""

import logging
import time

from servicekit.aws import CallFailed, JsonService
from servicekit.errors import Unavailable

logger = logging.getLogger(__name__)

KEPT_SECONDS = 300.0


class KeptSecret:
    """One that is rotated is known here within `seconds`; while Secrets Manager is away, the one known last is used."""

    def __init__(self, client: JsonService, arn: str, seconds: float = KEPT_SECONDS) -> None:
        self._client = client
        self._arn = arn
        self._seconds = seconds
        self._value = ""
        self._stale_at = 0.0

    def value(self) -> str:
        """Raises Unavailable while it was never read and cannot be."""
        if time.monotonic() >= self._stale_at:
            try:
                self._value = self._client.call("GetSecretValue", {"SecretId": self._arn})["SecretString"]
                self._stale_at = time.monotonic() + self._seconds
            except (CallFailed, Unavailable) as error:
                if not self._value:
                    raise Unavailable(f"a secret cannot be read: {error}") from error
                logger.warning("a secret cannot be read again", extra={"problem": str(error)})
        return self._value
