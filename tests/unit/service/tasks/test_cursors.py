"""What a client makes of a cursor reaches no table unless it could be a task's."""

from __future__ import annotations

import pytest
from servicekit import aws, cursor
from servicekit.dynamodb import Table
from servicekit.errors import Refused
from tasks.store import Tasks


@pytest.mark.parametrize("before", ["", "nothing", "\ud800", "01M7Y87D256AAG9YG3Q1ASXZS", "x" * 2000])
def test_a_cursor_that_names_no_task_is_refused(before: str) -> None:
    nowhere = Tasks(Table(aws.dynamodb(), "tasks"))

    with pytest.raises(Refused) as refused:
        nowhere.newest("open", 20, cursor.encode({"of": "open", "before": before}))

    assert refused.value.status == 400
    assert [problem["field"] for problem in refused.value.problems] == ["cursor"]
