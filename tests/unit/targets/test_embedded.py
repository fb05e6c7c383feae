from __future__ import annotations

import io
import signal
import subprocess
import sys
from collections.abc import Callable

from staticfire.host.processes import ProcessRecord
from staticfire.layout import Layout
from staticfire.progress import Progress
from staticfire.settings import Settings
from staticfire.targets.embedded import Embedded


def test_an_edge_that_its_starter_could_not_record_is_found_by_its_own_word(project: Callable[[str], Settings]) -> None:
    settings = project("")
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as edge:
        ProcessRecord.record(Layout.of(settings).edge, edge.pid)
        assert Embedded(settings).stop(Progress(stream=io.StringIO()))
        assert edge.wait() == -signal.SIGTERM


def test_an_edge_whose_records_are_lost_is_found_by_its_command(project: Callable[[str], Settings]) -> None:
    settings = project("")
    layout = Layout.of(settings)
    sleep = [sys.executable, "-c", "import time; time.sleep(600)", "-m", "staticfire.edge"]
    with (
        subprocess.Popen([*sleep, str(layout.edge_config)], start_new_session=True) as edge,
        subprocess.Popen([*sleep, f"{layout.edge_config}.of-another"], start_new_session=True) as another,
    ):
        try:
            assert Embedded(settings).stop(Progress(stream=io.StringIO()))
            assert edge.wait() == -signal.SIGTERM
            assert another.poll() is None
        finally:
            edge.kill()
            another.kill()
