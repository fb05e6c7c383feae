"""One event in both stores: first in Postgres, the truth, then in DynamoDB, so that a retry finds what was left."""

from dataclasses import dataclass

from aws_lambda_powertools import Logger
from servicekit.errors import Refused, Unavailable

from usage.ledger import Ledger, Outcome
from usage.projection import Projection
from usage.validation import Usage

logger = Logger()


@dataclass(frozen=True, slots=True)
class Recorded:
    """`replayed`: the key was used before, and nothing was counted again."""

    id: str
    recorded_at: str
    replayed: bool


class Recorder:
    def __init__(self, ledger: Ledger, projection: Projection) -> None:
        self.ledger = ledger
        self.projection = projection

    def record(self, usage: Usage) -> Recorded:
        """Refused (409) when the key was used with another body."""
        try:
            receipt = self.ledger.record(usage)
        except Unavailable:
            if usage.key is None:
                raise
            return self._from_mark(usage, usage.key)
        if receipt.outcome is Outcome.CONFLICT:
            raise _conflict()
        self.projection.put(receipt.totals)
        if usage.key is not None:
            try:
                self.projection.put_mark(usage.key, usage, receipt)
            except Unavailable as error:  # the event is counted; the mark only helps while Postgres is away
                logger.warning("the key's mark was not written", problem=str(error))
        return Recorded(receipt.id, receipt.recorded_at, replayed=receipt.outcome is Outcome.REPLAYED)

    def _from_mark(self, usage: Usage, key: str) -> Recorded:
        """Postgres is away: a mark shows that this key was counted in both stores, and what it was answered."""
        mark = self.projection.mark(key)
        if mark is None:
            raise Unavailable("Postgres cannot be reached, and the key has no mark")
        if (mark.user, mark.usage) != (usage.user, usage.usage):
            raise _conflict()
        return Recorded(mark.id, mark.recorded_at, replayed=True)


def _conflict() -> Refused:
    return Refused(409, "This Idempotency-Key was used with another body.")
