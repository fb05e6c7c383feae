"""Layers of other accounts: kept for a runtime or for all, and what runs with one starts anew when it changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from staticfire.edge.aws.calls import AwsError
from staticfire.edge.services.lambda_.public_layers import BroughtLayers
from tests.unit.edge.services.lambda_.kit import Lab, digest, packed

ARN = "arn:aws:lambda:us-east-1:017000801446:layer:AWSLambdaPowertoolsPythonV3-python312-x86_64:18"
HANDLER = "import greetings\ndef handler(e, c): return greetings.WORD\n"


def layer(word: str) -> bytes:
    return packed({"python/greetings.py": f"WORD = {word!r}\n"})


async def test_a_layer_is_kept_for_its_runtime_else_for_any(tmp_path: Path) -> None:
    layers = BroughtLayers(tmp_path)
    assert await layers.get(ARN, "python3.12") is None
    assert await layers.keep(ARN, "any", b"any")
    assert await layers.keep(ARN, "python3.12", b"twelve")
    assert not await layers.keep(ARN, "python3.12", b"twelve")
    again = BroughtLayers(tmp_path)
    for runtime, content in (("python3.12", b"twelve"), ("python3.13", b"any")):
        kept = await again.get(ARN, runtime)
        assert kept is not None
        assert (kept.code_sha256, await kept.fetch()) == (digest(content), content)
    assert await again.kept() == {f"{ARN} any": digest(b"any"), f"{ARN} python3.12": digest(b"twelve")}


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
