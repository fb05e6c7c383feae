"""CBOR against RFC 8949's own examples, and against the SDK that reads ours."""

from __future__ import annotations

import pytest
from botocore.parsers import create_parser
from hypothesis import given
from hypothesis import strategies as st

from staticfire.edge.aws.cbor import Epoch, dumps, loads

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
    ("c11a514b67b0", 1363896240),
    ("4401020304", b"\x01\x02\x03\x04"),
    ("6449455446", "IETF"),
    ("62c3bc", "ü"),
    ("83010203", [1, 2, 3]),
    ("a26161016162820203", {"a": 1, "b": [2, 3]}),
    ("9f018202039f0405ffff", [1, [2, 3], [4, 5]]),
    ("bf61610161629f0203ffff", {"a": 1, "b": [2, 3]}),
    ("7f657374726561646d696e67ff", "streaming"),
    ("5f42010243030405ff", b"\x01\x02\x03\x04\x05"),
]

DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize(("encoded", "value"), EXAMPLES)
def test_the_examples_of_the_standard_are_read(encoded: str, value: object) -> None:
    assert loads(bytes.fromhex(encoded)) == value


@given(DOCUMENTS)
def test_what_is_written_is_read_back(document: object) -> None:
    assert loads(dumps(document)) == document


@given(st.binary())
def test_any_bytes_are_a_document_or_an_error(data: bytes) -> None:
    try:
        loads(data)
    except ValueError:
        return


@pytest.mark.parametrize("encoded", ["", "18", "61", "81", "a161", "9f", "bf01ff", "1c", "f8", "0000", "a18000"])
def test_what_is_no_document_is_an_error(encoded: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        loads(bytes.fromhex(encoded))


def test_the_sdk_reads_points_in_time() -> None:
    parser = create_parser("smithy-rpc-v2-cbor")
    read = parser.parse_data_item(parser.get_peekable_stream_from_bytes(dumps({"at": Epoch(1_700_000_000.5)})))
    assert read["at"].timestamp() == 1_700_000_000.5
