"""Layers of other accounts: kept for a runtime or for all, and what runs with one starts anew when it changes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.services.lambda_.brought_layers import ARN as ARN_OF_A_LAYER
from staticfire.edge.services.lambda_.brought_layers import BroughtLayers, content_for
from staticfire.edge.services.lambda_.code import CodeStore
from staticfire.edge.services.lambda_.function_records import FunctionRecords
from staticfire.edge.store import Store
from tests.unit.edge.services.lambda_.kit import Lab, digest, packed

ARN = "arn:aws:lambda:us-east-1:017000801446:layer:AWSLambdaPowertoolsPythonV3-python312-x86_64:18"
LAYER = ("AWSLambdaPowertoolsPythonV3-python312-x86_64", "0000000018")
HANDLER = "import greetings\ndef handler(e, c): return greetings.WORD\n"


def layer(word: str) -> bytes:
    return packed({"python/greetings.py": f"WORD = {word!r}\n"})


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store(tmp_path / "edge.sqlite")
    yield store
    await store.close()


@pytest.fixture
def records(store: Store) -> FunctionRecords:
    return FunctionRecords(store)


@pytest.fixture
def code(store: Store, tmp_path: Path) -> CodeStore:
    return CodeStore(tmp_path, store)


async def test_a_layer_is_kept_for_its_runtime_else_for_any(records: FunctionRecords, code: CodeStore) -> None:
    layers = BroughtLayers(records, code)
    arn = ARN_OF_A_LAYER.fullmatch(ARN)
    assert arn is not None
    assert await layers.keep(arn, "any", b"any")
    assert await layers.keep(arn, "python3.12", b"twelve")
    assert not await layers.keep(arn, "python3.12", b"twelve")
    record = records.get(Scope("017000801446", "us-east-1"), "layer-version", *LAYER)
    assert record is not None
    for runtime, content in (("python3.12", b"twelve"), ("python3.13", b"any")):
        assert content_for(record, runtime) == {"CodeSha256": digest(content), "CodeSize": len(content)}
    assert layers.kept() == {f"{ARN} any": digest(b"any"), f"{ARN} python3.12": digest(b"twelve")}
    assert records.code() == {digest(b"any"), digest(b"twelve")}


async def test_what_was_brought_for_one_runtime_is_not_for_another(records: FunctionRecords, code: CodeStore) -> None:
    layers = BroughtLayers(records, code)
    arn = ARN_OF_A_LAYER.fullmatch(ARN)
    assert arn is not None
    await layers.keep(arn, "python3.12", b"twelve")
    record = records.get(Scope("017000801446", "us-east-1"), "layer-version", *LAYER)
    assert record is not None
    assert content_for(record, "python3.13") is None


async def test_a_function_runs_with_it_and_anew_when_it_changed(lab: Lab) -> None:
    ref = lab.deploy(HANDLER, Layers=[{"Arn": ARN}])
    async with lab.running() as functions:
        for word in ("hello", "good day"):
            assert await functions.keep_layer(ARN, f"python{lab.version}", layer(word))
            assert (await functions.invoke(ref, b"{}")).payload == f'"{word}"'.encode()


async def test_one_that_nobody_brought_says_who_brings_it(lab: Lab) -> None:
    ref = lab.deploy(HANDLER, Layers=[{"Arn": ARN}])
    async with lab.running() as functions:
        with pytest.raises(AwsError, match="another account, which is not here") as error:
            await functions.invoke(ref, b"{}")
    assert "[layers] of staticfire.toml" in error.value.message
