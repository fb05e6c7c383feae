"""What a client makes of a cursor reaches no table unless it could be a task's."""

from __future__ import annotations

import pytest
from servicekit.clients import client
from servicekit.errors import Refused
from servicekit.table import Table
from tasks.store import Tasks

ID = "01M7Y87D256AAG9YG3Q1ASXZSF"


@pytest.mark.parametrize(
    "cursor",
    ["", "open", "open-", "open-\ud800", "open-01M7Y87D256AAG9YG3Q1ASXZS", "x" * 2000, f"done-{ID}", f"all-{ID}", ID],
)
def test_a_cursor_that_is_none_of_the_list_is_refused(cursor: str) -> None:
    nowhere = Tasks(Table(client("dynamodb"), "tasks"))

    with pytest.raises(Refused) as refused:
        nowhere.newest("open", 20, cursor)

    assert refused.value.status == 400
    assert [problem["field"] for problem in refused.value.problems] == ["cursor"]
