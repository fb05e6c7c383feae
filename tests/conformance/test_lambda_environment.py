"""The execution environment: its variables, context, files and life."""

from __future__ import annotations

import re

import pytest

from tests.conformance.fidelity import documented
from tests.conformance.lab import Lab, send, together, zipped

AREA = "Lambda: execution environment"
VARIABLES = "lambda/latest/dg/configuration-envvars.html"
SYNC = "step-functions/latest/apireference/API_StartSyncExecution.html"
CONTEXT = "lambda/latest/dg/python-context.html"
LIFE = "lambda/latest/dg/lambda-runtime-environment.html"
PATHS = "lambda/latest/dg/python-package.html"
STORAGE = "lambda/latest/dg/configuration-ephemeral-storage.html"
ROLES = "lambda/latest/dg/lambda-intro-execution-role.html"
WRAPPER = "lambda/latest/dg/runtimes-modify.html"
UPDATES = "lambda/latest/dg/configuration-function-zip.html"

ENVIRON = "import os\ndef handler(event, context):\n    return dict(os.environ)\n"


@pytest.fixture(scope="module")
def environ(lab: Lab) -> dict[str, str]:
    function = lab.function(ENVIRON, FunctionName=lab.name("environ"), Environment={"Variables": {"MINE": "gruß=1"}})
    return {**lab.result(function), "(function)": function}


@documented(AREA, "The documented variables are set", VARIABLES)
def test_the_documented_variables_are_set(lab: Lab, environ: dict[str, str]) -> None:
    function = environ["(function)"]
    assert environ["AWS_LAMBDA_FUNCTION_NAME"] == function
    assert environ["AWS_LAMBDA_FUNCTION_VERSION"] == "$LATEST"
    assert environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert environ["AWS_LAMBDA_LOG_GROUP_NAME"] == f"/aws/lambda/{function}"
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", environ["AWS_LAMBDA_LOG_STREAM_NAME"])
    assert environ["AWS_LAMBDA_INITIALIZATION_TYPE"] == "on-demand"
    assert environ["AWS_REGION"] == environ["AWS_DEFAULT_REGION"] == lab.region
    assert environ["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.13"
    assert environ["_HANDLER"] == "app.handler"
    assert environ["TZ"] == ":UTC"
    assert re.fullmatch(r"[\w.]+:\d+", environ["AWS_LAMBDA_RUNTIME_API"])
    for name in ("LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "LANG"):
        assert environ[name], name
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        assert environ[name], name


@documented(AREA, "The function's own variables are set as they are", VARIABLES)
def test_the_functions_own_variables_are_set(environ: dict[str, str]) -> None:
    assert environ["MINE"] == "gruß=1"


@documented(
    AREA,
    "Nothing is set but the documented variables and the function's own",
    VARIABLES,
    "`AWS_ENDPOINT_URL` leads the SDKs here, and nothing of the host is set",
)
def test_nothing_of_the_host_is_set(environ: dict[str, str]) -> None:
    own = {"MINE", "(function)"}
    general = {"HOME", "LANG", "LC_CTYPE", "LD_LIBRARY_PATH", "PATH", "PWD", "PYTHONPATH", "SHLVL", "TMPDIR", "TZ"}
    families = ("AWS_", "LAMBDA_", "_AWS_XRAY_", "_HANDLER", "_X_AMZN_TRACE_ID")
    foreign = {name for name in environ if name not in own | general and not name.startswith(families)}
    assert foreign == set()
    assert environ["AWS_ENDPOINT_URL"]


@documented(AREA, "boto3 reaches an operation that has a host of its own", SYNC)
def test_a_call_with_a_host_of_its_own(lab: Lab) -> None:
    source = """
        import boto3
        from botocore.exceptions import ClientError

        def handler(event, context):
            try:
                boto3.client("stepfunctions").start_sync_execution(stateMachineArn=event["machine"])
            except ClientError as error:
                return error.response["Error"]["Code"]
    """
    machine = f"arn:aws:states:{lab.region}:{lab.account}:stateMachine:not-there"
    assert lab.result(lab.function(source, Timeout=20), {"machine": machine}) == "StateMachineDoesNotExist"


@documented(AREA, "The context object is complete", CONTEXT)
def test_the_context_is_complete(lab: Lab) -> None:
    source = """
        import os

        def handler(event, context):
            remaining = context.get_remaining_time_in_millis()
            return {
                "name": context.function_name,
                "version": context.function_version,
                "arn": context.invoked_function_arn,
                "memory": context.memory_limit_in_mb,
                "id": context.aws_request_id,
                "group": context.log_group_name,
                "stream": context.log_stream_name == os.environ["AWS_LAMBDA_LOG_STREAM_NAME"],
                "identity": context.identity and context.identity.cognito_identity_id,
                "client": context.client_context,
                "remaining": remaining,
                "trace": os.environ.get("_X_AMZN_TRACE_ID"),
            }
    """
    function = lab.function(source, Timeout=7)
    result = lab.result(function)
    assert (result["name"], result["version"], result["memory"]) == (function, "$LATEST", "256")
    assert result["arn"] == lab.arn(function)
    assert result["group"] == f"/aws/lambda/{function}"
    assert result["stream"] is True
    assert (result["identity"], result["client"]) == (None, None)
    assert 0 < result["remaining"] <= 7000
    assert result["trace"].startswith("Root=1-")
    assert len(result["id"]) == 36


COUNT = "n = 0\ndef handler(event, context):\n    global n\n    n += 1\n    return [n, context.log_stream_name]\n"


@documented(AREA, "A warm environment is used again: module state lives on", LIFE)
def test_a_warm_environment_is_used_again(lab: Lab) -> None:
    function = lab.function(COUNT)
    results = [lab.result(function) for _ in range(3)]
    assert [n for n, _ in results] == [1, 2, 3]
    assert len({stream for _, stream in results}) == 1


@documented(AREA, "An environment serves one request at a time", LIFE)
def test_an_environment_serves_one_request_at_a_time(lab: Lab) -> None:
    source = """
        import time
        busy = 0

        def handler(event, context):
            global busy
            busy += 1
            seen = busy
            time.sleep(0.3)
            busy -= 1
            return seen
    """
    function = lab.function(source)
    assert together(6, lambda _: lab.result(function)) == [1] * 6


@documented(AREA, "A handler's exception does not end its environment", LIFE)
def test_an_exception_does_not_end_the_environment(lab: Lab) -> None:
    function = lab.function("n = 0\ndef handler(event, context):\n    global n\n    n += 1\n    return 6 / (n - 2)\n")
    assert lab.result(function) == -6
    assert lab.failure(function)["errorType"] == "ZeroDivisionError"
    assert lab.result(function) == 6


WRITE = """
    import glob
    import pathlib

    def handler(event, context):
        there = pathlib.Path("/tmp/mark")
        before = there.read_text() if there.exists() else None
        there.write_text(str(event))
        return before
"""


@documented(
    AREA,
    "`/tmp` is writable, lives as long as its environment, and belongs to it alone",
    STORAGE,
)
def test_tmp_belongs_to_one_environment(lab: Lab) -> None:
    one, two = lab.function(WRITE), lab.function(WRITE)
    assert [lab.result(one, "a"), lab.result(one, "b")] == [None, "a"]
    assert lab.result(two, "c") is None


@documented(AREA, "The code is read-only or the environment's own: no function changes another's", LIFE)
def test_no_function_changes_anothers_code(lab: Lab) -> None:
    source = """
        import os

        def handler(event, context):
            path = os.path.join(os.environ["LAMBDA_TASK_ROOT"], "data.txt")
            if event:
                try:
                    with open(path, "a") as file:
                        file.write("changed")
                except OSError:
                    pass
            return open(path).read()
    """
    files = {"app.py": source, "data.txt": "original"}
    one, two = lab.function(files), lab.function(files)
    lab.result(one, True)
    assert lab.result(two) == "original"
    lab.aws("lambda").update_function_configuration(FunctionName=one, Description="new environments")
    assert lab.result(one) == "original"


@documented(AREA, "The working directory is the task root; the zip's own modules come first", PATHS)
def test_the_zips_own_modules_come_first(lab: Lab) -> None:
    source = """
        import os
        import boto3
        import helper.deep

        def handler(event, context):
            return [os.getcwd() == os.environ["LAMBDA_TASK_ROOT"], boto3.WHO, helper.deep.WHO, open("data.txt").read()]
    """
    files = {"app.py": source, "boto3.py": "WHO = 'mine'", "helper/deep.py": "WHO = 'helper'", "data.txt": "d"}
    assert lab.result(lab.function(files)) == [True, "mine", "helper", "d"]


@documented(AREA, "boto3 comes with the runtime, other packages do not", PATHS)
def test_boto3_comes_with_the_runtime(lab: Lab) -> None:
    source = """
        import importlib.util

        def handler(event, context):
            return [bool(importlib.util.find_spec(name)) for name in event]
    """
    readable = lab.result(
        lab.function(source), ["boto3", "botocore", "pytest", "uvloop", "staticfire", "ministack", "pg8000"]
    )
    assert readable == [True, True, False, False, False, False, False]


@documented(AREA, "The SDK in a function reaches the services with the function's own account", LIFE)
def test_the_sdk_in_a_function_has_the_functions_account(lab: Lab) -> None:
    source = (
        "import boto3\ndef handler(event, context):\n    return boto3.client('sts').get_caller_identity()['Account']\n"
    )
    assert lab.result(lab.function(source)) == lab.account


@documented(AREA, "A handler may lie in a package", "lambda/latest/dg/python-handler.html")
def test_a_handler_may_lie_in_a_package(lab: Lab) -> None:
    files = {"src/web/main.py": "from .words import WORD\ndef run(event, context):\n    return WORD\n"}
    files |= {"src/__init__.py": "", "src/web/__init__.py": "", "src/web/words.py": "WORD = 'hello'"}
    assert lab.result(lab.function(files, "src.web.main.run")) == "hello"


@documented(AREA, "New code counts from the next invocation on", UPDATES)
def test_new_code_counts_from_the_next_invocation_on(lab: Lab) -> None:
    function = lab.function("def handler(event, context):\n    return 1\n")
    assert lab.result(function) == 1
    for n in (2, 3):
        source = f"def handler(event, context):\n    return {n}\n"
        lab.aws("lambda").update_function_code(FunctionName=function, ZipFile=zipped({"app.py": source}))
        assert lab.result(function) == n


@documented(AREA, "New configuration counts from the next invocation on", VARIABLES)
def test_new_configuration_counts_from_the_next_invocation_on(lab: Lab) -> None:
    source = """
        import os

        def other(event, context):
            return "other"

        def handler(event, context):
            return [os.environ.get("WHO"), context.memory_limit_in_mb]
    """
    function = lab.function(source)
    client = lab.aws("lambda")
    assert lab.result(function) == [None, "256"]
    client.update_function_configuration(
        FunctionName=function, Environment={"Variables": {"WHO": "me"}}, MemorySize=512
    )
    assert lab.result(function) == ["me", "512"]
    client.update_function_configuration(FunctionName=function, Handler="app.other")
    assert lab.result(function) == "other"


@documented(AREA, "An update never changes an invocation that is under way", UPDATES)
def test_an_update_changes_no_invocation_under_way(lab: Lab) -> None:
    queue = lab.queue()
    source = """
        import os
        import time

        import boto3

        def handler(event, context):
            if event == "slow":
                boto3.client("sqs").send_message(QueueUrl=QUEUE, MessageBody="running")
                time.sleep(2)
                import late
                return [late.VERSION, os.environ["VALUE"]]
            import late
            return [late.VERSION, os.environ["VALUE"]]
    """.replace("QUEUE", repr(queue.url))

    def code(version: str) -> dict[str, str]:
        return {"app.py": source, "late.py": f"VERSION = {version!r}"}

    function = lab.function(code("old"), Environment={"Variables": {"VALUE": "old"}})

    def work(n: int) -> object:
        if n == 0:
            return lab.result(function, "slow")
        queue.receive()
        client = lab.aws("lambda")
        client.update_function_code(FunctionName=function, ZipFile=zipped(code("new")))
        client.update_function_configuration(FunctionName=function, Environment={"Variables": {"VALUE": "new"}})
        return lab.result(function, "quick")

    assert together(2, work) == [["old", "old"], ["new", "new"]]


@documented(AREA, "A deleted function runs no more; made again, it is the new one", UPDATES)
def test_a_function_made_again_is_the_new_one(lab: Lab) -> None:
    client = lab.aws("lambda")
    function = lab.function("def handler(event, context):\n    return 'old'\n")
    assert lab.result(function) == "old"
    client.delete_function(FunctionName=function)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        lab.invoke(function)
    lab.function("def handler(event, context):\n    return 'new'\n", FunctionName=function)
    assert lab.result(function) == "new"


@documented(AREA, "A handler that deletes all it can harms nobody else's execution environment", LIFE)
def test_a_handler_that_deletes_all_it_can_harms_nobody_else(lab: Lab) -> None:
    vandal = lab.function(
        """
        import os, subprocess

        def handler(event, context):
            places = "/tmp", os.environ["LAMBDA_TASK_ROOT"], os.environ["LAMBDA_RUNTIME_DIR"], "/opt", "/var/lang"
            command = "rm -rf " + " ".join(f"{place}/*" for place in places)
            subprocess.run(command, shell=True, stderr=subprocess.DEVNULL)
            return "deleted"
    """,
        Timeout=120,
    )
    neighbour = lab.function("def handler(event, context):\n    import boto3\n    return 'well'\n")
    assert lab.result(vandal) == "deleted"
    assert lab.result(neighbour) == "well"


SIGNS = """
    import os
    import time
    import boto3

    def handler(event, context):
        sts, s3 = boto3.client("sts"), boto3.client("s3")
        time.sleep(event.get("seconds", 0))
        if bucket := event.get("bucket"):
            s3.put_object(Bucket=bucket, Key="k", Body=b"from the function")
            url = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"})
        else:
            url = ""
        identity = sts.get_caller_identity()
        return {
            "identity": [identity[name] for name in ("Account", "Arn", "UserId")],
            "keys": [os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")],
            "account": sts.get_access_key_info(AccessKeyId=os.environ["AWS_ACCESS_KEY_ID"])["Account"],
            "url": url,
        }
"""


@documented(AREA, "A function signs as its role: the session is named after the function", ROLES)
def test_a_function_signs_as_its_role(lab: Lab) -> None:
    function = lab.function(SIGNS, MemorySize=512, Timeout=30)
    said = lab.result(function, {})
    role = lab.role().rpartition("/")[2]
    role_id = lab.aws("iam").get_role(RoleName=role)["Role"]["RoleId"]
    assert said["identity"] == [
        lab.account,
        f"arn:aws:sts::{lab.account}:assumed-role/{role}/{function}",
        f"{role_id}:{function}",
    ]
    assert re.fullmatch("AROA[A-Z0-9]{17}", role_id)
    assert re.fullmatch("ASIA[A-Z0-9]{16}", said["keys"][0])
    assert said["account"] == lab.account


@documented(AREA, "Each execution environment has temporary credentials of its own", VARIABLES)
def test_each_execution_environment_has_its_own_credentials(lab: Lab) -> None:
    function = lab.function(SIGNS, MemorySize=512, Timeout=30)
    said = together(2, lambda number: lab.result(function, {"seconds": 3}))
    for first, second in zip(said[0]["keys"], said[1]["keys"], strict=True):
        assert first != second
    again = lab.result(function, {})
    assert again["keys"] in [one["keys"] for one in said]


@documented(
    AREA,
    "A URL that a function presigned works for whoever has it",
    "AmazonS3/latest/userguide/using-presigned-url.html",
)
def test_a_url_that_a_function_presigned_works_for_whoever_has_it(lab: Lab) -> None:
    function, bucket = lab.function(SIGNS, MemorySize=512, Timeout=30), lab.name("bucket")
    lab.aws("s3").create_bucket(Bucket=bucket)
    url = lab.result(function, {"bucket": bucket})["url"]
    target = url.split("/", 3)[3]
    answer = send("GET", f"{lab.endpoint}/{target}")
    assert (answer.status, answer.body) == (200, b"from the function")
    assert lab.aws("s3").get_object(Bucket=bucket, Key="k")["Body"].read() == b"from the function"


@documented(AREA, "`AWS_LAMBDA_EXEC_WRAPPER`: a program starts the runtime in its stead", WRAPPER)
def test_the_exec_wrapper(lab: Lab) -> None:
    files = {"app.py": ENVIRON, "wrapper": '#!/bin/bash\nexport ARGUMENTS="$*"\nexec "$@"\n'}
    layer = lab.aws("lambda").publish_layer_version(
        LayerName=lab.name("wrapper"), Content={"ZipFile": zipped(files, executable=("wrapper",))}
    )
    function = lab.function(
        ENVIRON,
        Layers=[layer["LayerVersionArn"]],
        Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrapper"}},
    )
    assert lab.result(function)["ARGUMENTS"].endswith("bootstrap.py")


@documented(AREA, "An exec wrapper that is not there ends the runtime with exit status 127", WRAPPER)
def test_a_missing_exec_wrapper(lab: Lab) -> None:
    function = lab.function(ENVIRON, Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/idontexist"}})
    failure = lab.failure(function)
    assert failure["errorType"] == "Runtime.ExitError"
    assert failure["errorMessage"].endswith(" Error: Runtime exited with error: exit status 127")


@documented(AREA, "`PATH`, `LD_LIBRARY_PATH`, `PWD` and `SHLVL` are Lambda's", VARIABLES)
def test_the_shells_variables(environ: dict[str, str]) -> None:
    libraries = "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
    assert environ["PATH"] == "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin"
    assert environ["LD_LIBRARY_PATH"] == libraries
    assert (environ["PWD"], environ["SHLVL"]) == ("/var/task", "0")
    assert "AWS_LAMBDA_LOG_FORMAT" not in environ
