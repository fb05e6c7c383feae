from __future__ import annotations

from usage.ledger import new_id


def test_ids_are_uuids_of_version_7_in_order_of_time() -> None:
    ids = [new_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert {(value.version, value.variant) for value in ids} == {(7, "specified in RFC 4122")}
    stamps = [value.int >> 80 for value in ids]
    assert stamps == sorted(stamps)
