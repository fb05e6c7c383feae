"""The emulator that the edge runs, without the edge: another one like it, behind a port.

    python -m benchmarks.behind PORT PYTHON DIRECTORY [MAIN]

Nobody but its edge can connect to the edge's own emulator. This one gets connections in the same way, over the socket
that is its standard input: each that comes to the port is handed on whole, so that no byte passes through here.
MAIN is the main program of another checkout: to compare the two.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from staticfire.edge.emulators.ministack import MAIN


def main(port: int, python: str, directory: Path, program: Path = MAIN) -> None:
    (directory / "tmp").mkdir(parents=True, exist_ok=True)
    variables = {
        "PATH": os.defpath,
        "HOME": str(directory),
        "TMPDIR": str(directory / "tmp"),
        "S3_DATA_DIR": str(directory / "s3"),
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        "GATEWAY_PORT": str(port),
        # It hands over no invocation and reports nothing: only its stores are measured.
        "STATICFIRE_EDGE_URL": f"http://127.0.0.1:{port}/",
        "STATICFIRE_TOKEN": "none",
        "STATICFIRE_KEPT": "",
    }
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
