"""docs/services-of-aws.md is what the table says, and each row of the table was applied by a test."""

from __future__ import annotations

from staticfire.stacks.terraform.resource_types import BY_SERVICE, TABLE, Fate
from tests.unit.docs.services_of_aws import DOCUMENT, REPOSITORIES, RESOURCE, document, shown


def test_the_document_is_that_of_the_table() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == document(), "make services writes it anew"


def test_each_type_is_applied_by_a_test() -> None:
    assert TABLE.keys() - shown().keys() == set()


def test_a_type_stands_in_the_table_once() -> None:
    assert sum(len(rows) for rows in BY_SERVICE.values()) == len(TABLE)


def test_what_is_applied_as_one_that_can_be_made_is_not_refused() -> None:
    made = {
        name for path in (REPOSITORIES / "resources").glob("*.tf") for name in RESOURCE.findall(path.read_text("utf-8"))
    }
    assert {name for name in made if TABLE[name].fate is Fate.REFUSED} == set()
