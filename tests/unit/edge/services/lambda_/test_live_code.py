"""Code that is put into functions as somebody saves it: aliases follow, layers keep their number, what runs runs on."""

from __future__ import annotations

import asyncio
import io
import zipfile
from dataclasses import replace
from typing import Any

import pytest

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.services.lambda_ import FunctionRef, Functions, function_records, live_code
from staticfire.edge.services.lambda_.code import Change, hexadecimal
from staticfire.edge.services.lambda_.live_code import LiveCode
from tests.unit.edge.kit import request
from tests.unit.edge.services.lambda_.kit import Lab, Said, api_of, packed

WAITS = """
import os, time
def handler(path, c):
    while path and not os.path.exists(path):
        time.sleep(0.005)
    return "old"
"""
NEW = 'def handler(event, c):\n    return "new"\n'
LAYER = f"arn:aws:lambda:us-east-1:{Scope().account}:layer:common:1"


# What the control plane describes besides, and the lab does not.
DESCRIBED: dict[str, Any] = {"RevisionId": "r", "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"}}


async def put(functions: Functions, live: LiveCode, *arns: str, text: str = NEW) -> Any:
    own = [arn for arn in arns if ":function:" in arn]
    layers = [arn for arn in arns if ":layer:" in arn]
    name = "python/common.py" if layers else "app.py"
    return await live.put(request("PUT", "/"), own, layers, packed({name: text}))


def live_of(functions: Functions) -> LiveCode:
    return LiveCode(api_of(functions).control_plane, functions)


async def test_the_next_invocation_runs_it_and_the_one_under_way_ends_on_the_old(lab: Lab, said: Said) -> None:
    ref = lab.deploy({"app.py": WAITS, "same.py": "X = 1"}, **DESCRIBED)

    async with lab.running() as functions:
        assert said(await functions.invoke(ref, b'""')) == "old"
        live = live_of(functions)
        under_way = asyncio.create_task(functions.invoke(ref, b'"/tmp/go"'))
        await lab.until(lambda: functions.busy())
        answer = await put(functions, live, ref.arn)
        assert said(await functions.invoke(ref, b'""')) == "new"
        assert not under_way.done()  # it waits for a file of its own /tmp
        assert functions.kill(functions.snapshot()["functions"][0]["environments"][0]["id"])
        await asyncio.wait([under_way])
        assert answer["functions"] == [{"arn": ref.arn, "version": "", "aliases": [], "fixed_versions": 0}]


async def test_an_alias_of_the_newest_version_follows_and_others_stay(lab: Lab, said: Said) -> None:
    ref = lab.deploy({"app.py": WAITS}, **DESCRIBED)
    async with lab.running() as functions:
        control_plane = api_of(functions).control_plane
        live = LiveCode(control_plane, functions)
        records = functions.records
        for number in ("1", "2"):
            latest = records.configuration(ref.scope, "f")
            assert latest is not None
            await records.put(ref.scope, "version", "f", number.zfill(10), record={**latest, "Version": number})
        function = records.get(ref.scope, "function", "f")
        assert function is not None
        await records.put(ref.scope, "function", "f", record={**function, "next": 3})
        for name, version in (("live", "2"), ("before", "1")):
            alias = {"AliasArn": f"{ref.arn}:{name}", "Name": name, "FunctionVersion": version, "RevisionId": "r"}
            await records.put(ref.scope, "alias", "f", name, record=alias)
        answer = await put(functions, live, ref.arn)
        assert (answer["functions"][0]["version"], answer["functions"][0]["aliases"]) == ("3", ["live"])
        by_alias = [said(await functions.invoke(ref._replace(qualifier=name), b'""')) for name in ("live", "before")]
        assert by_alias == ["new", "old"]


async def test_a_layer_keeps_its_number_and_its_functions_start_anew(lab: Lab, said: Said) -> None:
    lab.add_layer(LAYER, {"python/common.py": "VALUE = 1"})
    source = "import common\ndef handler(e, c):\n    return common.VALUE\n"
    ref = lab.deploy({"app.py": source}, Layers=[{"Arn": LAYER}])
    async with lab.running() as functions:
        assert said(await functions.invoke(ref, b"{}")) == 1
        await put(functions, live_of(functions), LAYER, text="VALUE = 2")
        assert said(await functions.invoke(ref, b"{}")) == 2


async def test_one_zip_goes_into_many_functions_and_a_save_does_not_wait_for_the_one_before(
    lab: Lab, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(function_records, "SETTLE_SECONDS", 3600)  # so long AWS's API says that an update is under way
    refs = [lab.deploy({"app.py": WAITS}, name=f"f{number}", **DESCRIBED) for number in range(5)]
    async with lab.running() as functions:
        live = live_of(functions)
        await put(functions, live, *(ref.arn for ref in refs), text="def handler(e, c):\n    return 1\n")
        await put(functions, live, *(ref.arn for ref in refs), text="def handler(e, c):\n    return 2\n")
        assert [said(await functions.invoke(ref, b"{}")) for ref in refs] == [2] * 5


async def test_what_many_saves_leave_is_bounded(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_code, "KEPT", 2)
    ref = lab.deploy({"app.py": WAITS}, **DESCRIBED)
    async with lab.running() as functions:
        live = live_of(functions)
        for number in range(5):
            await put(functions, live, ref.arn, text=f"{NEW}# {number}\n")
        assert len(lab.store.blobs_before(2**40)) == 2  # the last two; what was deployed is a file here
        assert len(list((lab.directory / "functions" / "zips").glob("*.zip"))) == 1


@pytest.mark.parametrize("arn", [f"arn:aws:lambda:us-east-1:{Scope().account}:function:none", LAYER])
async def test_what_is_not_there_is_told(lab: Lab, arn: str) -> None:
    async with lab.running() as functions:
        with pytest.raises(AwsError, match="not found"):
            await put(functions, live_of(functions), arn)


async def test_what_is_no_zip_is_refused(lab: Lab) -> None:
    ref: FunctionRef = lab.deploy({"app.py": WAITS}, **DESCRIBED)
    async with lab.running() as functions:
        with pytest.raises(AwsError, match="unzip"):
            await live_of(functions).put(request("PUT", "/"), [ref.arn], [], b"no zip")


async def test_only_what_was_saved_is_sent_and_all_of_it_is_kept(lab: Lab, said: Said) -> None:
    source = "import same, gone\ndef handler(e, c):\n    return same.X\n"
    first = {"app.py": source, "same.py": "X = 1", "gone.py": ""}
    ref = lab.deploy(first, **DESCRIBED)
    async with lab.running() as functions:
        live = live_of(functions)
        assert said(await functions.invoke(ref, b"{}")) == 1
        base = code_sha256(functions, ref)
        changed = packed({"app.py": "import same\ndef handler(e, c):\n    return same.X + 1\n", "new.py": ""})
        answer = await live.change(request("PUT", "/"), [ref.arn], [], Change(base, changed, frozenset({"gone.py"})))
        assert answer is not None
        assert answer["CodeSha256"] == code_sha256(functions, ref) != base
        assert said(await functions.invoke(ref, b"{}")) == 2
        trees = {path: path.stat().st_ino for path in (lab.directory / "functions" / "code").glob("*/same.py")}
        assert (len(trees), len(set(trees.values()))) == (2, 1)
        zipped = await functions.code.zip(hexadecimal(answer["CodeSha256"]))
        assert zipped is not None
        with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
            assert sorted(archive.namelist()) == ["app.py", "new.py", "same.py"]
            assert archive.testzip() is None


@pytest.mark.parametrize(
    "change",
    [Change("A" * 43 + "=", packed({"app.py": NEW}), frozenset()), Change("", packed({}), frozenset({"none.py"}))],
)
async def test_what_cannot_be_changed_has_to_come_as_a_whole(lab: Lab, said: Said, change: Change) -> None:
    ref = lab.deploy({"app.py": WAITS}, **DESCRIBED)
    async with lab.running() as functions:
        own = replace(change, base=change.base or code_sha256(functions, ref))
        assert await live_of(functions).change(request("PUT", "/"), [ref.arn], [], own) is None
        assert said(await functions.invoke(ref, b'""')) == "old"


async def test_the_same_again_changes_nothing(lab: Lab) -> None:
    ref = lab.deploy({"app.py": WAITS}, **DESCRIBED)
    async with lab.running() as functions:
        base = code_sha256(functions, ref)
        change = Change(base, packed({"app.py": WAITS}), frozenset())
        answer = await live_of(functions).change(request("PUT", "/"), [ref.arn], [], change)
        assert answer == {"CodeSha256": base, "functions": [], "layers": []}


async def test_what_was_warm_is_so_again_before_it_is_invoked(lab: Lab) -> None:
    warm, cold = (lab.deploy({"app.py": WAITS}, name=name, **DESCRIBED) for name in ("warm", "cold"))
    async with lab.running() as functions:
        await functions.invoke(warm, b'""')
        await put(functions, live_of(functions), warm.arn, cold.arn)

        def idle() -> bool:
            states = {
                function["name"]: [running["state"] for running in function["environments"]]
                for function in functions.snapshot()["functions"]
            }
            assert "cold" not in states
            return states["warm"] == ["idle"]

        await lab.until(idle)
        assert functions.snapshot()["functions"][0]["invocations"] == 1


def code_sha256(functions: Functions, ref: FunctionRef) -> str:
    configuration = functions.records.configuration(ref.scope, ref.name)
    assert configuration is not None
    return str(configuration["CodeSha256"])
