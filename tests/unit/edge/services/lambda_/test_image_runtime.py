"""Functions that are images, where the kernel grants no namespaces: refused before anything is applied."""

from __future__ import annotations

from pathlib import Path

import pytest

from staticfire.edge.aws.calls import AwsError
from staticfire.edge.images.blobs import BlobStore
from staticfire.edge.images.unpacking import ImageTrees
from staticfire.edge.services.lambda_ import isolation
from staticfire.edge.services.lambda_.runtimes import IMAGE, Runtimes


async def test_images_are_refused_where_the_probe_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtimes = Runtimes({}, images=ImageTrees(tmp_path / "trees", BlobStore(tmp_path)))
    # The probe runs by its path, under this Python: another file stands for a kernel that refuses.
    refusing = tmp_path / "launch.py"
    refusing.write_text("import sys; sys.exit('unshare: Operation not permitted')\n")
    monkeypatch.setattr("staticfire.edge.services.lambda_.runtimes.LAUNCH", refusing)
    monkeypatch.setattr(isolation, "adopt_orphans", lambda: None)
    with pytest.raises(AwsError) as refused:
        await runtimes.prepare(IMAGE)
    assert "refused where the edge runs (unshare: Operation not permitted)" in str(refused.value.message)
    assert "Deploy it as a zip, or allow unprivileged user namespaces" in str(refused.value.message)
    assert runtimes.isolation == "none"
