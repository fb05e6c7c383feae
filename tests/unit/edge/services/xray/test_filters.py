"""X-Ray's filter expressions."""

from __future__ import annotations

import pytest

from staticfire.edge.aws.calls import AwsError
from staticfire.edge.services.xray.filters import Seen, compiled

FUNCTION = Seen({"fault": True}, {"duration": 2.0}, {"name": ["f"]})
SEEN = Seen(
    booleans={"ok": False, "fault": True},
    numbers={"duration": 3.5, "http.status": 502.0},
    texts={"http.url": ["http://host/a/b"], "user": []},
    annotations={"order": ["o-1"], "count": [5], "paid": [True]},
    services=[("f", "AWS::Lambda::Function", FUNCTION), ("t", "AWS::DynamoDB::Table", Seen({}, {}, {}))],
    edges=[("f", "t")],
)


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("fault", True),
        ("ok", False),
        ("fault = false", False),
        ("!ok AND duration >= 3.5", True),
        ("NOT (fault OR ok)", False),
        ("ok OR fault AND duration > 10", False),
        ("http.status != 200", True),
        ('http.url CONTAINS "/A/"', True),
        ('http.url ENDSWITH "/b" and not http.url BEGINSWITH "https"', True),
        ('user = "u"', False),
        ("annotation.order", True),
        ("annotation.missing", False),
        ('annotation.order = "o-1"', True),
        ('annotation[order] != "o-1"', False),
        ("annotation.count > 4", True),
        ("annotation.paid = true", True),
        ("annotation.paid = false", False),
        ('service("f") { fault AND duration < 3 }', True),
        ('service("t") { fault }', False),
        ('service(id(name: "f", type: "AWS::Lambda::Function"))', True),
        ("service() { fault }", True),
        ('edge("f", "t")', True),
        ('edge("t", "f")', False),
    ],
)
def test_an_expression(expression: str, holds: bool) -> None:
    assert compiled(expression)(SEEN) is holds


@pytest.mark.parametrize(
    "expression",
    [
        *("nosuch", "duration", "duration >", 'duration = "x"', "http.url > 5", "fault AND", "(fault", "fault)"),
        *('service("f"', 'edge("f")', "§", "!" * 100 + "fault", "(" * 100 + "fault" + ")" * 100, "fault " * 1000),
    ],
)
def test_what_is_none_is_refused(expression: str) -> None:
    with pytest.raises(AwsError, match="InvalidRequestException"):
        compiled(expression)
