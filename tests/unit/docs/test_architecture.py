"""The tree in docs/architecture.md is the tree, and each module says in its first sentence what it is."""

from __future__ import annotations

from tests.unit.docs.tree import PACKAGE, first_sentence, tree, written


def test_the_tree_in_the_document_is_the_tree() -> None:
    assert written() == tree(), "run `make tree`"


def test_every_module_says_what_it_is() -> None:
    assert [path for path in PACKAGE.rglob("*.py") if not first_sentence(path)] == []
