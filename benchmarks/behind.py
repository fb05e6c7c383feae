"""The emulator that the edge runs, without the edge: another one like it, behind a port.

    python -m benchmarks.behind PORT PYTHON DIRECTORY [MAIN]

Nobody but its edge can connect to the edge's own emulator. This one gets connections in the same way, over the socket
that is its standard input: each that comes to the port is handed on whole, so that no byte passes through here.
MAIN is the main program of another checkout: to compare the two.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

from staticfire.edge.emulators.ministack import MAIN, MiniStack


def main(port: int, python: str, directory: Path, program: Path = MAIN) -> None:
    # It reports to nobody: only its stores are measured.
    ministack = MiniStack(python, directory, edge_port=port, token="none", public_host="127.0.0.1", keep=False)
    (directory / "ministack" / "tmp").mkdir(parents=True, exist_ok=True)
    variables = dict(ministack.variables())
    ours, its = socket.socketpair()
    with ours, socket.create_server(("127.0.0.1", port)) as listener:
        with its:
            emulator = subprocess.Popen([python, "-P", str(program)], stdin=its.fileno(), env=variables, cwd=directory)
        with emulator:
            while True:
                connection, _ = listener.accept()
                with connection:
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    socket.send_fds(ours, [b"\0"], [connection.fileno()])


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], *map(Path, sys.argv[3:]))
