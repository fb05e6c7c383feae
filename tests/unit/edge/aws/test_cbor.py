"""CBOR as the edge reads and writes it: what an SDK sends, RFC 8949's own examples, and the SDK that reads ours."""

from __future__ import annotations

import json
from collections.abc import Coroutine
from typing import Any

import cbor2
import pytest
from botocore.parsers import create_parser
from hypothesis import given
from hypothesis import strategies as st

from staticfire.edge.aws.calls import AwsError, Call, Scope, error_response
from staticfire.edge.services.cloudwatch.service import _stamped, parameters
from tests.unit.edge.kit import request

HEADERS = [("smithy-protocol", "rpc-v2-cbor"), ("content-type", "application/cbor")]
EXAMPLES = [
    ("00", 0),
    ("17", 23),
    ("1818", 24),
    ("1903e8", 1000),
    ("1a000f4240", 1_000_000),
    ("1b000000e8d4a51000", 1_000_000_000_000),
    ("20", -1),
    ("3903e7", -1000),
    ("f93c00", 1.0),
    ("fa47c35000", 100000.0),
    ("fb3ff199999999999a", 1.1),
    ("f4", False),
    ("f5", True),
    ("f6", None),
    ("f7", None),
    ("c11a514b67b0", 1363896240),
    ("6449455446", "IETF"),
    ("62c3bc", "ü"),
    ("83010203", [1, 2, 3]),
    ("a26161016162820203", {"a": 1, "b": [2, 3]}),
    ("9f018202039f0405ffff", [1, [2, 3], [4, 5]]),
    ("bf61610161629f0203ffff", {"a": 1, "b": [2, 3]}),
    ("7f657374726561646d696e67ff", "streaming"),
]
DOCUMENTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def call(body: bytes) -> Call:
    return Call(request("POST", headers=HEADERS, body=body), "monitoring", Scope(), "PutMetricAlarm")


async def read(encoded: str) -> Any:
    """The value of the one member of an operation's input."""
    return (await parameters(call(bytes.fromhex(f"a16161{encoded}"))))["a"]


def at_once(reading: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine returns that has nothing to wait for."""
    with pytest.raises(StopIteration) as ended:
        reading.send(None)
    return ended.value.value


def read_by_the_sdk(data: bytes) -> Any:
    parser = create_parser("smithy-rpc-v2-cbor")
    return parser.parse_data_item(parser.get_peekable_stream_from_bytes(data))


@pytest.mark.parametrize(("encoded", "value"), EXAMPLES)
async def test_the_examples_of_the_standard_are_read(encoded: str, value: object) -> None:
    assert await read(encoded) == value


@given(st.dictionaries(st.text(), DOCUMENTS, max_size=4))
def test_what_an_sdk_writes_is_read(document: dict[str, Any]) -> None:
    assert at_once(parameters(call(cbor2.dumps(document)))) == document


@given(st.binary())
def test_any_bytes_are_a_document_that_json_can_hold_or_refused(data: bytes) -> None:
    try:
        document = at_once(parameters(call(data)))
    except AwsError:
        return
    json.dumps(document)


NO_DOCUMENTS = ["", "18", "61", "81", "a161", "9f", "bf01ff", "1c", "f8", "0000", "a18000", "a000", "00", "80a0", "f6"]
NO_VALUES = ["4401020304", "5f42010243030405ff", "c249010000000000000000", "f0", "d9ffff00", "c06474686572"]


@pytest.mark.parametrize("encoded", [*NO_DOCUMENTS, *(f"a16161{value}" for value in NO_VALUES)])
async def test_what_is_not_a_document_is_refused(encoded: str) -> None:
    with pytest.raises(AwsError, match=r"The input is not a document: .+"):
        await parameters(call(bytes.fromhex(encoded)))


@pytest.mark.parametrize("moment", [1_700_000_000, 1_700_000_000.5])
def test_the_sdk_reads_points_in_time(moment: float) -> None:
    written = cbor2.dumps(_stamped("", {"StateUpdatedTimestamp": moment, "Period": 60, "Unit": None}))
    document = read_by_the_sdk(written)
    assert document.pop("StateUpdatedTimestamp").timestamp() == moment
    assert document == {"Period": 60}


def test_the_sdk_reads_an_error() -> None:
    response = error_response(AwsError(400, "ValidationError", "ü"), call(b""))
    assert isinstance(response.body, bytes)
    assert read_by_the_sdk(response.body) == {"__type": "ValidationError", "message": "ü"}
