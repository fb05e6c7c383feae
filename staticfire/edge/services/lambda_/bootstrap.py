"""The runtime's main program where AWS_LAMBDA_EXEC_WRAPPER starts it: its last argument, as on AWS.

It is copied to /var/runtime, beside the runtime client; where functions are not isolated, to a directory of its own.
"""

import importlib
import os
import sys


def main() -> None:
    root, version = os.environ["LAMBDA_TASK_ROOT"], "python{}.{}".format(*sys.version_info[:2])
    sys.path[:1] = [root, f"/opt/python/lib/{version}/site-packages", "/opt/python", os.environ["LAMBDA_RUNTIME_DIR"]]
    handler = os.environ["_HANDLER"]  # the wrapper may have put its own there
    sys.argv = ["bootstrap", handler]
    runtime = importlib.import_module("awslambdaric.lambda_runtime_client")
    client = runtime.LambdaRuntimeClient(os.environ["AWS_LAMBDA_RUNTIME_API"])
    importlib.import_module("awslambdaric.bootstrap").run(handler, client)


if __name__ == "__main__":
    main()
