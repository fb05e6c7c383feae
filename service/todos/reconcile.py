"""The reconciler: finishes the deletions of users that were interrupted. It may run beside them, and beside itself."""

import time
from typing import Any

from aws_lambda_powertools import Logger
from servicekit.clients import client
from servicekit.database import Database
from servicekit.table import Table

from todos.board import Board
from todos.deletion import Deletion
from todos.users import Users

logger = Logger()

PAGE = 100
RESERVE_SECONDS = 15

users = Users(Database.from_environment())
deletion = Deletion(users, Board(Table.from_environment(client("dynamodb"))))


@logger.inject_lambda_context
def handler(event: Any, context: Any) -> dict[str, int]:
    deadline = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS
    report = {"users": 0, "todos": 0}
    while unfinished := users.deleted(PAGE):
        for user in unfinished:
            report["todos"] += deletion.finish(user, deadline)
            report["users"] += 1
    logger.info("reconciled", users=report["users"], todos=report["todos"])
    return report
