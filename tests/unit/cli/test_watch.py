"""An Enter at the terminal, as `staticfire watch` hears it."""

from __future__ import annotations

import fcntl
import os
import pty
import subprocess
import sys
import termios

import pytest

LOOKS = "from staticfire.cli.watch import _entered; import os; os.write(1, b'heard' if _entered() else b'nothing')"
BACKGROUND = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]], process_group=0, timeout=60)"


@pytest.mark.parametrize(("runs", "said"), [((LOOKS,), b"heard"), ((BACKGROUND, LOOKS), b"nothing")])
def test_keys_are_read_in_the_foreground_alone(runs: tuple[str, ...], said: bytes) -> None:
    """In the background they are the shell's, and reading them would stop the command."""
    ours, its = pty.openpty()
    os.write(ours, b"\n")
    try:
        process = subprocess.run(
            [sys.executable, "-c", *runs],
            stdin=its,
            stdout=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            timeout=120,
            check=True,
        )
    finally:
        os.close(ours)
        os.close(its)
    assert process.stdout == said
