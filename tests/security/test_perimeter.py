"""Who is let in: nothing listens beyond loopback, the emulator nowhere, and no page steers, wherever it came from."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from staticfire.edge.services.lambda_.function_process import descendants
from staticfire.host.ports import free_port
from staticfire.host.processes import ProcessRecord
from staticfire.load.ceiling import trivial_server
from staticfire.load.locust_processes import Plan, locust_run
from staticfire.load.profiles import LoadOptions
from staticfire.progress import Progress
from staticfire.settings import Settings
from staticfire.targets.embedded import Embedded
from tests.integration.conftest import ministack_python
from tests.integration.edge.kit import Edge, eventually

__all__ = ["ministack_python"]


ROOT = Path(__file__).parents[2]
# As /proc/net/tcp and tcp6 print them.
# As the kernel writes them: 127.0.0.0/8, the same within IPv6, ::1.
LOOPBACK = re.compile("(0000000000000000FFFF0000)?[0-9A-F]{6}7F|00000000000000000000000001000000")
LISTENS = "0A"
ACCEPTS = 0x10000


def listeners(pid: int) -> Iterator[tuple[int, str]]:
    """The process's and its children's listening sockets: whose, and address and port as the kernel prints them."""
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    addresses = {f"socket:[{row[9]}]": row[1] for row in rows if row[3] == LISTENS}
    for process in [pid, *descendants(pid)]:
        for descriptor in Path(f"/proc/{process}/fd").glob("*"):
            with contextlib.suppress(OSError):
                if address := addresses.get(os.readlink(descriptor)):
                    yield process, address


def unix_listeners(pid: int) -> list[str]:
    """The process's listening Unix sockets, as the kernel names them."""
    rows = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
    accepting = {f"socket:[{row[6]}]": " ".join(row[7:]) for row in rows if int(row[3], 16) & ACCEPTS}
    descriptors = [os.readlink(descriptor) for descriptor in Path(f"/proc/{pid}/fd").glob("*")]
    return [accepting[descriptor] for descriptor in descriptors if descriptor in accepting]


def beyond_loopback(pid: int) -> list[tuple[int, str]]:
    return [
        (process, address) for process, address in listeners(pid) if not LOOPBACK.fullmatch(address.partition(":")[0])
    ]


@pytest.fixture(scope="module")
def edge(
    ministack_python: str, runtime_python: str, runtime_version: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Edge]:
    runtimes = {"python3.13": {"python": runtime_python, "version": runtime_version}}
    edge = Edge(ministack_python, tmp_path_factory.mktemp("edge"), runtimes=runtimes)
    yield edge
    edge.end()


def test_the_edge_listens_on_loopback_alone_and_its_emulator_nowhere(edge: Edge) -> None:
    assert edge.health()[0] == 200
    assert [process for process, _ in listeners(edge.process.pid)] == [edge.process.pid]
    assert beyond_loopback(edge.process.pid) == []
    assert unix_listeners(edge.child) == []


def test_locusts_page_and_its_master_listen_on_loopback_alone() -> None:
    page, master = free_port(), free_port()
    command = [sys.executable, "-m", "locust", "-f", "loadtests/usage.py", "--host", "http://127.0.0.1:9", "--master"]
    command += ["--web-port", str(page), "--master-bind-port", str(master)]
    locust = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        # A port that is taken is not yet one that is listened on.
        eventually(lambda: len(list(listeners(locust.pid))) >= 2)
        assert beyond_loopback(locust.pid) == []
    finally:
        locust.terminate()
        locust.wait()


def sent(edge: Edge, method: str, target: str, headers: dict[str, str], body: object = None) -> tuple[int, bytes]:
    """The status and the body of an answer; a page cannot read a refusal."""
    data = None if body is None else json.dumps(body).encode()
    headers = {name: value.replace("OURS", edge.endpoint) for name, value in headers.items()}
    request = urllib.request.Request(edge.endpoint + target, data, headers, method=method)
    opener = urllib.request.OpenerDirector()  # no status is an error
    opener.add_handler(urllib.request.HTTPHandler())
    with opener.open(request, timeout=60) as answer:
        assert answer.status != 403 or "access-control-allow-origin" not in answer.headers
        return answer.status, answer.read()


def deployed(edge: Edge, name: str, source: str, account: str = "100000000001") -> str:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("app.py", source)
    made = edge.client("lambda", account).create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=f"arn:aws:iam::{account}:role/r",
        Handler="app.handler",
        Code={"ZipFile": archive.getvalue()},
        Timeout=20,
    )
    return str(made["FunctionArn"])


READS = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}
WRITES = {"origin": "OURS", **READS}
FOLLOWS = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
AS_DYNAMODB = {
    "authorization": "AWS4-HMAC-SHA256 Credential=100000000001/20260101/eu-west-1/dynamodb/aws4_request, "
    "SignedHeaders=host, Signature=0",
    "x-amz-target": "DynamoDB_20120810.ListTables",
    "content-type": "application/x-amz-json-1.0",
}


def test_a_page_in_a_bucket_is_shown_and_steers_nothing(edge: Edge) -> None:
    s3 = edge.client("s3")
    s3.create_bucket(Bucket="pages", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="pages", Key="x.html", Body=b"<script>", ContentType="text/html")
    url = s3.generate_presigned_url("get_object", {"Bucket": "pages", "Key": "x.html"}).removeprefix(edge.endpoint)
    assert sent(edge, "GET", url, FOLLOWS) == (200, b"<script>")
    assert sent(edge, "GET", url, FOLLOWS | {"sec-fetch-site": "none"})[0] == 200
    assert sent(edge, "GET", url, READS)[0] == 403
    with_token = {"x-staticfire-token": edge.token}
    for method, target in (
        ("POST", "/_staticfire/faults"),
        ("DELETE", "/_staticfire/mail"),
        ("POST", "/_staticfire/reset"),
        ("POST", "/_staticfire/functions/invoke"),
        ("POST", "/_ministack/reset"),
        ("POST", "/2015-03-31/functions"),
    ):
        assert sent(edge, method, target, WRITES, {"kind": "drop"})[0] == 403
        assert sent(edge, method, target, WRITES | with_token, {"kind": "drop"})[0] == 403
    assert sent(edge, "POST", "/", WRITES | AS_DYNAMODB, {})[0] == 403
    assert sent(edge, "POST", "/", AS_DYNAMODB, {}) == (200, b'{"TableNames": []}')
    for target in ("/_staticfire/mail", "/_staticfire/functions", "/2015-03-31/functions", "/?Action=ListQueues"):
        assert sent(edge, "GET", target, READS)[0] == 403
        assert sent(edge, "GET", target, FOLLOWS)[0] == 403
    assert edge.control("GET", "faults") == (200, {"faults": []})


def test_a_page_of_an_http_api_calls_its_own_routes_and_steers_nothing(edge: Edge) -> None:
    arn = deployed(edge, "page", "def handler(event, context): return {'statusCode': 200, 'body': event['routeKey']}")
    apis = edge.client("apigatewayv2")
    api = apis.create_api(Name="page", ProtocolType="HTTP")["ApiId"]
    integration = apis.create_integration(
        ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0"
    )["IntegrationId"]
    apis.create_route(ApiId=api, RouteKey="$default", Target=f"integrations/{integration}")
    apis.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    edge.client("lambda").add_permission(
        FunctionName="page", StatementId="api", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com"
    )
    base = f"/_aws/execute-api/{api}/%24default"
    assert sent(edge, "GET", f"{base}/", FOLLOWS) == (200, b"$default")
    assert sent(edge, "POST", f"{base}/orders", WRITES, {}) == (200, b"$default")
    assert sent(edge, "POST", "/_staticfire/reset", WRITES, {})[0] == 403


def test_a_rebound_name_does_not_reach_connections(edge: Edge) -> None:
    """A page led here by a name of its own sends no origin with a GET; back ends name the endpoint, or an API."""
    api = edge.client("apigatewayv2").create_api(
        Name="chat", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
    )["ApiId"]
    edge.client("apigatewayv2").create_stage(ApiId=api, StageName="prod")
    for host, target in (
        ("evil.example", "/@connections/AAAAAAAAAAAAAAA="),
        ("evil.example", f"/_aws/execute-api/{api}/prod/@connections/AAAAAAAAAAAAAAA="),
        (f"{api}.execute-api.evil.example", "/prod/@connections/AAAAAAAAAAAAAAA="),
    ):
        status, body = sent(edge, "GET", target, {"host": host})
        assert (status, b"is not a name of this endpoint" in body) == (403, True), (host, target, body)
    assert sent(edge, "GET", "/@connections/AAAAAAAAAAAAAAA=", {"host": "localhost"})[0] == 410


def test_addresses_of_functions_and_apis_lead_to_nothing_else(edge: Edge) -> None:
    """Nobody is asked for an origin there, so neither a Host nor a path may mean anything else to the emulator."""
    table = {"AttributeName": "k", "AttributeType": "S"}
    edge.client("dynamodb").create_table(
        TableName="kept",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[table],
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
    )
    api = edge.client("apigateway").create_rest_api(name="rest")["id"]
    url, rebound = "a" * 32, {"origin": "http://evil.example"}
    for host, target in (
        (f"{url}.lambda-url.evil.example", "/_ministack/reset"),
        (f"{url}.lambda-url.evil.example", "/"),
        (f"{api}.execute-api.evil.example", "/_ministack/reset"),
        (f"{api}.execute-api.evil.example", "/"),
        ("127.0.0.1", f"/_aws/lambda-url/{url}/../../_ministack/reset"),
        ("127.0.0.1", f"/_aws/lambda-url/{url}%2F..%2F..%2F_ministack/reset"),
        ("127.0.0.1", f"/_aws/execute-api/{api}%2Fstages/prod/"),
        ("127.0.0.1", f"/_aws/execute-api/{api}/stages%2Fprod/"),
        ("127.0.0.1", f"/_aws/execute-api/{api}/%2E%2E/resources"),
    ):
        for method in ("GET", "POST", "DELETE"):
            status, body = sent(edge, method, target, {"host": host, **rebound, **AS_DYNAMODB}, {})
            assert status in (400, 403, 404), (method, host, target, status, body)
            assert b"kept" not in body
    assert edge.client("dynamodb").list_tables()["TableNames"] == ["kept"]
    assert edge.client("apigateway").get_rest_api(restApiId=api)["name"] == "rest"


def test_who_shows_no_token_or_another_steers_nothing(edge: Edge) -> None:
    for headers in ({}, {"x-staticfire-token": ""}, {"x-staticfire-token": edge.token[:-1]}):
        assert sent(edge, "POST", "/_staticfire/faults", headers, {"kind": "drop"})[0] == 403
        for target in ("/_ministack/reset", "/_ministack/%72eset", "/%5Fministack/config", "/_localstack/state/reset"):
            assert sent(edge, "POST", target, headers)[0] == 403
    # A function answers CloudFormation there, with the token that is in the path.
    assert sent(edge, "PUT", "/_ministack/cfn-response/unknown", {}, {})[0] != 403
    assert (edge.state / "control-token").stat().st_mode & 0o777 == 0o600
    assert sent(edge, "GET", "/_staticfire/health", {})[0] == 200


def test_a_function_cannot_steer(edge: Edge) -> None:
    """It reaches the endpoint, as it must; it does not learn the token."""
    deployed(
        edge,
        "steers",
        "import os, urllib.request, urllib.error\n"
        "def handler(event, context):\n"
        "    url = os.environ['AWS_ENDPOINT_URL'] + '/_staticfire/reset'\n"
        "    try:\n"
        "        urllib.request.urlopen(urllib.request.Request(url, b'{}'))\n"
        "    except urllib.error.HTTPError as refused:\n"
        "        status = refused.code\n"
        "    try:\n"
        "        return [status, open(event).read()]\n"
        "    except OSError as hidden:\n"
        "        return [status, type(hidden).__name__, sorted(os.environ)]\n",
    )
    token = edge.state / "control-token"
    answer = edge.client("lambda").invoke(FunctionName="steers", Payload=json.dumps(str(token)).encode())
    status, hidden, names = json.loads(answer["Payload"].read())
    assert (status, hidden) == (403, "FileNotFoundError")
    assert not [name for name in names if name.startswith("STATICFIRE")]


SIGNS = """
import os, boto3
def handler(event, context):
    s3 = boto3.client("s3")
    if not s3.list_buckets()["Buckets"]:
        s3.create_bucket(Bucket="signed", CreateBucketConfiguration={"LocationConstraint": os.environ["AWS_REGION"]})
    s3.put_object(Bucket="signed", Key="k", Body=b"v")
    return [
        boto3.client("sts").get_caller_identity()["Arn"],
        os.environ["AWS_ACCESS_KEY_ID"],
        s3.generate_presigned_url("get_object", {"Bucket": "signed", "Key": "k"}),
    ]
"""
ARN_OF_ROLE = "arn:aws:sts::100000000002:assumed-role/r/signs"


def signs(edge: Edge) -> list[str]:
    answer = edge.client("lambda", "100000000002").invoke(FunctionName="signs", Payload=b"{}")
    said = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, said
    return list(said)


@pytest.mark.parametrize("enforce_iam", [False, True])
def test_a_function_signs_as_its_role_and_its_execution_environment_can_be_told(
    ministack_python: str, runtime_python: str, runtime_version: str, tmp_path: Path, enforce_iam: bool
) -> None:
    runtimes = {"python3.13": {"python": runtime_python, "version": runtime_version}}
    edge = Edge(ministack_python, tmp_path, runtimes=runtimes, enforce_iam=enforce_iam)
    try:
        iam = edge.client("iam", "100000000002")
        trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        iam.create_role(
            RoleName="r", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": trust})
        )
        may = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}
        iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=json.dumps(may))
        deployed(edge, "signs", SIGNS, "100000000002")
        arn, key, url = signs(edge)
        assert arn == ARN_OF_ROLE
        assert re.fullmatch("ASIA[A-Z0-9]{16}", key)
        (described,) = edge.control("GET", "functions")[1]["functions"]
        assert [running["access_key"] for running in described["environments"]] == [key]
        assert sent(edge, "GET", url.removeprefix(edge.endpoint), {}) == (200, b"v")
        edge.client("s3", "100000000002").head_object(Bucket="signed", Key="k")
        calls = edge.control("GET", "calls")[1]["calls"]
        assert {call["account"] for call in calls} == {"100000000002"}
        # Nobody can make a key up.
        forged = key[:-1] + ("A" if key[-1] != "A" else "B")
        if not enforce_iam:
            assert edge.client("sts", forged).get_caller_identity()["Account"] == "000000000000"
    finally:
        edge.end()


def test_every_process_of_a_running_stack_listens_on_loopback_alone(tmp_path: Path) -> None:
    """Edge, emulator, Postgres with its backends, and a function's execution environment."""
    runtime = f"python3.{sys.version_info.minor}"
    target = Embedded(Settings(project=tmp_path, state_dir=tmp_path / "state", port=0, runtimes=(runtime,)))
    try:
        running = target.start(Progress())
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("app.py", "def handler(event, context):\n    return 'here'\n")
        client = boto3.client(
            "lambda",
            endpoint_url=running.endpoint,
            region_name=running.region,
            aws_access_key_id="000000000000",
            aws_secret_access_key="x",
        )
        client.create_function(
            FunctionName="here",
            Runtime=runtime,
            Role="arn:aws:iam::000000000000:role/here",
            Handler="app.handler",
            Code={"ZipFile": code.getvalue()},
        )
        client.get_waiter("function_active_v2").wait(FunctionName="here")
        assert client.invoke(FunctionName="here")["Payload"].read() == b'"here"'

        records = [ProcessRecord.read(target.layout.process(name)) for name in ("edge", "postgres")]
        pids = [record.pid for record in records if record is not None]
        assert len(pids) == 2
        every = {process for pid in pids for process in (pid, *descendants(pid))}
        [function] = running.edge().functions()["functions"]
        assert running.health.parts["emulator"]["pid"] in every
        [environment] = function["environments"]
        assert environment["pid"] in every
        assert all(list(listeners(pid)) for pid in pids)
        assert [address for pid in pids for address in beyond_loopback(pid)] == []
    finally:
        target.stop(Progress())


def test_every_process_of_a_load_run_listens_on_loopback_alone(tmp_path: Path) -> None:
    """Locust's master, its workers, and the server against which the generator's ceiling is measured."""
    options = LoadOptions(rate=10, seconds=60, warm_up=0)
    with trivial_server() as url:
        plan = Plan(ROOT / "loadtests/usage.py", url, "steady", options, workers=2)
        with locust_run(plan, tmp_path, ROOT) as run:
            eventually(lambda: run.record.seconds or not run.running)
            assert run.running, run.said
            assert len(list(listeners(os.getpid()))) >= 2
            assert beyond_loopback(os.getpid()) == []
