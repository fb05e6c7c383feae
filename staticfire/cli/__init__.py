"""The command line: a module a command, `main.py` with the parser, `summary.py` with what `up` prints.

What a command meets on the way stands elsewhere:

- another command is at work (exit code 7): the lock of a state directory, `host/locks.py`
- a port is taken (exit code 7): `targets/embedded.py` refuses to start, `host/ports.py` says who holds it
- what stays up when `up --detach` has ended: the edge and Postgres, detached processes of `targets/`
- how much memory a function may take: `edge/services/lambda_/`
"""
