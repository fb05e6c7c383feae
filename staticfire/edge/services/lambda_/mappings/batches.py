"""What a function answered for a batch: all of it done, none of it, or the items that failed."""

from __future__ import annotations

import json
from collections.abc import Collection


def failed_items(answer: bytes, items: Collection[str]) -> list[str] | None:
    """The items that failed, of those in the batch; None where the whole batch has.

    As AWS documents: nothing, an empty object, an empty or null list of failures are a success. An answer that AWS does
    not understand, and an item that is not in the batch, fail all of it.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    try:
        document = json.loads(answer or b"null")
    except ValueError:
        return None
    if document in (None, "", []):
        return []
    if not isinstance(document, dict):
        return None
    failures = document.get("batchItemFailures")
    if failures is None:
        return []
    if not isinstance(failures, list):
        return None
    failed = []
    for failure in failures:
        item = failure.get("itemIdentifier") if isinstance(failure, dict) else None
        if not isinstance(item, str) or item not in items:
            return None
        failed.append(item)
    return failed
