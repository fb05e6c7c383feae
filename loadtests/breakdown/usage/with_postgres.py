"""The service with Postgres, without DynamoDB."""

from usage import api
from usage.ledger import Receipt, Totals
from usage.projection import Projection
from usage.validation import Usage


class NoProjection(Projection):
    def __init__(self) -> None:
        """There is no table."""

    def put(self, totals: Totals) -> bool:
        return True

    def put_mark(self, key: str, usage: Usage, receipt: Receipt) -> None:
        return None


api.recorder.projection = NoProjection()
handler = api.handler
