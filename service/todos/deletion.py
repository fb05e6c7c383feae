"""Deleting a user across the two stores, so that whatever dies at any step, nothing of the user is left in the end.

    1. Postgres   the user is marked deleted: from now on nobody, and a note of what is to be done
    2. DynamoDB   the user's item is closed: no todo comes any more
    3. DynamoDB   the todos are deleted
    4. Postgres   the row is deleted

Each step can be repeated, and the row goes last. So a deletion that was interrupted is finished by whoever comes next:
the client that tries again, or the reconciler.
"""

import time
import uuid

from servicekit.errors import Unavailable

from todos.board import Board
from todos.users import Users


class Deletion:
    def __init__(self, users: Users, board: Board) -> None:
        self._users = users
        self._board = board

    def begin(self, user: uuid.UUID) -> bool:
        """Whether there is such a user, or something left of one."""
        return self._users.mark_deleted(user)

    def finish(self, user: uuid.UUID, deadline: float) -> int:
        """How many todos went. Unavailable when a store is, or when time (monotonic) is up; what is done is done."""
        self._board.close(user)
        deleted = 0
        for count in self._board.clear(user):
            deleted += count
            if time.monotonic() > deadline:
                raise Unavailable(f"{deleted} todos of a deleted user went in the time there was, and there are more")
        self._users.forget(user)
        return deleted
