"""The reconciler: finishes the deletions of users that were interrupted. It may run beside them, and beside itself."""

import logging
import time
from typing import Any

from servicekit import aws
from servicekit.database import Database
from servicekit.dynamodb import Table

from todos.board import Board
from todos.deletion import Deletion
from todos.users import Users

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)

PAGE = 100
RESERVE_SECONDS = 15

_dynamodb = aws.dynamodb()
users = Users(Database.from_environment())
deletion = Deletion(users, Board(_dynamodb, Table.from_environment(_dynamodb)))


def handler(event: Any, context: Any) -> dict[str, int]:
    deadline = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS
    report = {"users": 0, "todos": 0}
    while unfinished := users.deleted(PAGE):
        for user in unfinished:
            report["todos"] += deletion.finish(user, deadline)
            report["users"] += 1
    logger.info("reconciled", extra=report)
    return report
