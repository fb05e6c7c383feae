"""The emulator's state outlives it: every service of it after an end, a kill -9 at any instant, and a damaged file."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.integration.edge.kit import Edge, eventually

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
ROLE = "arn:aws:iam::100000000001:role/kept"
WAITS = {"StartAt": "W", "States": {"W": {"Type": "Pass", "Result": {"done": True}, "End": True}}}


def _dynamodb(edge: Edge) -> Any:
    client = edge.client("dynamodb")
    key = {"AttributeName": "k", "KeyType": "HASH"}
    client.create_table(
        TableName="kept",
        KeySchema=[key],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    for number in range(30):
        client.put_item(TableName="kept", Item={"k": {"S": str(number)}, "b": {"B": b"\0\xff"}, "n": {"N": "1.5"}})
    client.update_time_to_live(TableName="kept", TimeToLiveSpecification={"Enabled": True, "AttributeName": "end"})


def _see_dynamodb(edge: Edge) -> Any:
    client, streams = edge.client("dynamodb"), edge.client("dynamodbstreams")
    table = client.describe_table(TableName="kept")["Table"]
    stream = table["LatestStreamArn"]
    shard = streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"][0]["ShardId"]
    place = {"StreamArn": stream, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
    iterator = streams.get_shard_iterator(**place)["ShardIterator"]
    items = client.scan(TableName="kept")["Items"]
    ttl = client.describe_time_to_live(TableName="kept")["TimeToLiveDescription"]
    return table, sorted(items, key=str), ttl, streams.get_records(ShardIterator=iterator)["Records"]


def _s3(edge: Edge) -> Any:
    client = edge.client("s3")
    client.create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    client.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
    client.put_object(Bucket="kept", Key="small", Body=b"1", Metadata={"a": "b"})
    client.put_object(Bucket="kept", Key="small", Body=b"2")
    client.put_object(Bucket="kept", Key="large", Body=bytes(range(256)) * 2000)
    upload = client.create_multipart_upload(Bucket="kept", Key="parts")["UploadId"]
    client.upload_part(Bucket="kept", Key="parts", UploadId=upload, PartNumber=1, Body=b"p" * 300_000)


def _see_s3(edge: Edge) -> Any:
    client = edge.client("s3")
    versions = client.list_object_versions(Bucket="kept")["Versions"]
    bodies = [
        client.get_object(Bucket="kept", Key=version["Key"], VersionId=version["VersionId"])["Body"].read()
        for version in versions
    ]
    upload = client.list_multipart_uploads(Bucket="kept")["Uploads"][0]["UploadId"]
    return versions, bodies, client.list_parts(Bucket="kept", Key="parts", UploadId=upload)["Parts"]


def _sqs(edge: Edge) -> Any:
    client = edge.client("sqs")
    url = client.create_queue(QueueName="kept", Attributes={"VisibilityTimeout": "900"})["QueueUrl"]
    for number in range(3):
        client.send_message(QueueUrl=url, MessageBody=str(number))
    client.receive_message(QueueUrl=url)
    fifo = client.create_queue(QueueName="kept.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    client.send_message(QueueUrl=fifo, MessageBody="f", MessageGroupId="g", MessageDeduplicationId="once")


def _see_sqs(edge: Edge) -> Any:
    client = edge.client("sqs")
    url = client.get_queue_url(QueueName="kept")["QueueUrl"]
    fifo = client.get_queue_url(QueueName="kept.fifo")["QueueUrl"]
    # Not delivered twice within five minutes.
    client.send_message(QueueUrl=fifo, MessageBody="f", MessageGroupId="g", MessageDeduplicationId="once")
    return [client.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"] for queue in (url, fifo)]


def _sns(edge: Edge) -> Any:
    client = edge.client("sns")
    topic = client.create_topic(Name="kept")["TopicArn"]
    client.subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:eu-west-1:100000000001:kept")


def _see_sns(edge: Edge) -> Any:
    client = edge.client("sns")
    return client.list_topics()["Topics"], client.list_subscriptions()["Subscriptions"]


def _events(edge: Edge) -> Any:
    client = edge.client("events")
    client.create_event_bus(Name="kept")
    client.put_rule(Name="kept", EventBusName="kept", EventPattern=json.dumps({"source": ["a"]}))
    target = {"Id": "1", "Arn": "arn:aws:sqs:eu-west-1:100000000001:kept"}
    client.put_targets(Rule="kept", EventBusName="kept", Targets=[target])


def _see_events(edge: Edge) -> Any:
    client = edge.client("events")
    targets = client.list_targets_by_rule(Rule="kept", EventBusName="kept")["Targets"]
    return client.list_event_buses()["EventBuses"], client.list_rules(EventBusName="kept")["Rules"], targets


def _iam(edge: Edge) -> Any:
    client = edge.client("iam")
    client.create_role(RoleName="kept", AssumeRolePolicyDocument=json.dumps(TRUST))
    allow = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    client.put_role_policy(RoleName="kept", PolicyName="p", PolicyDocument=document)


def _see_iam(edge: Edge) -> Any:
    client = edge.client("iam")
    return client.get_role(RoleName="kept")["Role"], client.list_role_policies(RoleName="kept")["PolicyNames"]


def _secrets(edge: Edge) -> Any:
    client = edge.client("secretsmanager")
    client.create_secret(Name="kept", SecretString="first")
    client.put_secret_value(SecretId="kept", SecretString="second")


def _see_secrets(edge: Edge) -> Any:
    client = edge.client("secretsmanager")
    stages = ("AWSCURRENT", "AWSPREVIOUS")
    return [client.get_secret_value(SecretId="kept", VersionStage=stage)["SecretString"] for stage in stages]


def _ssm(edge: Edge) -> Any:
    edge.client("ssm").put_parameter(Name="/kept", Value="v", Type="SecureString")


def _see_ssm(edge: Edge) -> Any:
    return edge.client("ssm").get_parameter(Name="/kept", WithDecryption=True)["Parameter"]


def _ec2(edge: Edge) -> Any:
    client = edge.client("ec2")
    vpc = client.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    client.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24")
    client.create_security_group(GroupName="kept", Description="kept", VpcId=vpc)


def _see_ec2(edge: Edge) -> Any:
    client = edge.client("ec2")
    groups = client.describe_security_groups()["SecurityGroups"]
    return client.describe_vpcs()["Vpcs"], client.describe_subnets()["Subnets"], groups


def _logs(edge: Edge) -> Any:
    client = edge.client("logs")
    client.create_log_group(logGroupName="kept")
    client.create_log_stream(logGroupName="kept", logStreamName="s")
    events = [{"timestamp": int(time.time() * 1000), "message": "a line"}]
    client.put_log_events(logGroupName="kept", logStreamName="s", logEvents=events)
    client.put_retention_policy(logGroupName="kept", retentionInDays=7)


def _see_logs(edge: Edge) -> Any:
    client = edge.client("logs")
    lines = client.get_log_events(logGroupName="kept", logStreamName="s")["events"]
    return client.describe_log_groups(logGroupNamePrefix="kept")["logGroups"], lines


def _states(edge: Edge) -> Any:
    client = edge.client("stepfunctions")
    machine = client.create_state_machine(name="kept", definition=json.dumps(WAITS), roleArn=ROLE)["stateMachineArn"]
    run = client.start_execution(stateMachineArn=machine)["executionArn"]
    eventually(lambda: client.describe_execution(executionArn=run)["status"] == "SUCCEEDED")


def _see_states(edge: Edge) -> Any:
    client = edge.client("stepfunctions")
    [machine] = client.list_state_machines()["stateMachines"]
    runs = client.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]
    return machine, [client.get_execution_history(executionArn=run["executionArn"])["events"] for run in runs]


def _kms(edge: Edge) -> Any:
    client = edge.client("kms")
    rsa = client.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    client.create_alias(AliasName="alias/kept-rsa", TargetKeyId=rsa)
    client.create_alias(AliasName="alias/kept", TargetKeyId=client.create_key()["KeyMetadata"]["KeyId"])
    sealed = client.encrypt(KeyId="alias/kept", Plaintext=b"sealed")["CiphertextBlob"]
    edge.client("ssm").put_parameter(Name="/sealed", Value=sealed.hex(), Type="String")


def _see_kms(edge: Edge) -> Any:
    client = edge.client("kms")
    sealed = bytes.fromhex(edge.client("ssm").get_parameter(Name="/sealed")["Parameter"]["Value"])
    signed = client.sign(KeyId="alias/kept-rsa", Message=b"m", SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256")
    return client.decrypt(CiphertextBlob=sealed)["Plaintext"], signed["Signature"]


def _cognito(edge: Edge) -> Any:
    client = edge.client("cognito-idp")
    pool = client.create_user_pool(PoolName="kept")["UserPool"]["Id"]
    flows = ["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    client.create_user_pool_client(UserPoolId=pool, ClientName="c", ExplicitAuthFlows=flows)
    client.admin_create_user(UserPoolId=pool, Username="u", MessageAction="SUPPRESS")
    client.admin_set_user_password(UserPoolId=pool, Username="u", Password="Passw0rd!x", Permanent=True)


def _see_cognito(edge: Edge) -> Any:
    """Also which key signs the tokens: those of the life before stay good."""
    client = edge.client("cognito-idp")
    [pool] = client.list_user_pools(MaxResults=5)["UserPools"]
    [app] = client.list_user_pool_clients(UserPoolId=pool["Id"])["UserPoolClients"]
    login = client.admin_initiate_auth(
        UserPoolId=pool["Id"],
        ClientId=app["ClientId"],
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "u", "PASSWORD": "Passw0rd!x"},
    )
    token: str = login["AuthenticationResult"]["AccessToken"]
    user = client.admin_get_user(UserPoolId=pool["Id"], Username="u")["UserAttributes"]
    return pool, user, token.partition(".")[0]


def _ecr(edge: Edge) -> Any:
    edge.client("ecr").create_repository(repositoryName="kept")


def _see_ecr(edge: Edge) -> Any:
    repositories = edge.client("ecr").describe_repositories()["repositories"]
    # Its address is the edge's, whose port is another one.
    return [{**repository, "repositoryUri": ""} for repository in repositories]


def _scheduler(edge: Edge) -> Any:
    edge.client("scheduler").create_schedule(
        Name="kept",
        ScheduleExpression="rate(5 days)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": "arn:aws:sqs:eu-west-1:100000000001:kept", "RoleArn": ROLE},
    )


def _see_scheduler(edge: Edge) -> Any:
    schedule = edge.client("scheduler").get_schedule(Name="kept")
    return {name: value for name, value in schedule.items() if name != "ResponseMetadata"}


def _rest_api(edge: Edge) -> Any:
    client = edge.client("apigateway")
    api = client.create_rest_api(name="kept")["id"]
    root = client.get_resources(restApiId=api)["items"][0]["id"]
    client.put_method(restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE")
    client.put_integration(restApiId=api, resourceId=root, httpMethod="GET", type="MOCK")
    client.create_deployment(restApiId=api, stageName="s")


def _see_rest_api(edge: Edge) -> Any:
    client = edge.client("apigateway")
    [api] = client.get_rest_apis()["items"]
    return api, client.get_resources(restApiId=api["id"])["items"], client.get_stages(restApiId=api["id"])["item"]


def _http_api(edge: Edge) -> Any:
    client = edge.client("apigatewayv2")
    api = client.create_api(Name="kept", ProtocolType="HTTP")["ApiId"]
    integration = client.create_integration(
        ApiId=api, IntegrationType="HTTP_PROXY", IntegrationMethod="GET", IntegrationUri="http://127.0.0.1:9/"
    )
    client.create_route(ApiId=api, RouteKey="GET /", Target=f"integrations/{integration['IntegrationId']}")
    client.create_stage(ApiId=api, StageName="s", AutoDeploy=True)


def _see_http_api(edge: Edge) -> Any:
    client = edge.client("apigatewayv2")
    [api] = client.get_apis()["Items"]
    api.pop("ApiEndpoint")  # the edge of a test has another port
    return api, client.get_routes(ApiId=api["ApiId"])["Items"], client.get_stages(ApiId=api["ApiId"])["Items"]


def _scaling(edge: Edge) -> Any:
    edge.client("application-autoscaling").register_scalable_target(
        ServiceNamespace="dynamodb",
        ResourceId="table/kept",
        ScalableDimension="dynamodb:table:ReadCapacityUnits",
        MinCapacity=1,
        MaxCapacity=5,
    )


def _see_scaling(edge: Edge) -> Any:
    return edge.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="dynamodb")[
        "ScalableTargets"
    ]


def _cloudwatch(edge: Edge) -> Any:
    client = edge.client("cloudwatch")
    client.put_metric_alarm(
        AlarmName="kept",
        Namespace="n",
        MetricName="m",
        Statistic="Sum",
        Period=86400,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    client.put_metric_data(Namespace="n", MetricData=[{"MetricName": "m", "Value": 0.5}])


def _see_cloudwatch(edge: Edge) -> Any:
    client = edge.client("cloudwatch")
    [alarm] = client.describe_alarms()["MetricAlarms"]
    now = time.time()
    points = client.get_metric_statistics(
        Namespace="n", MetricName="m", StartTime=now - 3600, EndTime=now + 60, Period=86400, Statistics=["Sum"]
    )
    return alarm["AlarmArn"], alarm["Threshold"], points["Datapoints"][0]["Sum"]


def _kinesis(edge: Edge) -> Any:
    client = edge.client("kinesis")
    client.create_stream(StreamName="kept", ShardCount=1)
    eventually(lambda: client.describe_stream(StreamName="kept")["StreamDescription"]["StreamStatus"] == "ACTIVE")
    client.put_record(StreamName="kept", Data=b"record", PartitionKey="p")


def _see_kinesis(edge: Edge) -> Any:
    client = edge.client("kinesis")
    shard = client.list_shards(StreamName="kept")["Shards"][0]["ShardId"]
    place = {"StreamName": "kept", "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
    return client.get_records(ShardIterator=client.get_shard_iterator(**place)["ShardIterator"])["Records"]


SERVICES: dict[str, tuple[Callable[[Edge], Any], Callable[[Edge], Any]]] = {
    "dynamodb": (_dynamodb, _see_dynamodb),
    "s3": (_s3, _see_s3),
    "sqs": (_sqs, _see_sqs),
    "sns": (_sns, _see_sns),
    "events": (_events, _see_events),
    "iam": (_iam, _see_iam),
    "secretsmanager": (_secrets, _see_secrets),
    "ssm": (_ssm, _see_ssm),
    "ec2": (_ec2, _see_ec2),
    "logs": (_logs, _see_logs),
    "states": (_states, _see_states),
    "kms": (_kms, _see_kms),
    "cognito": (_cognito, _see_cognito),
    "ecr": (_ecr, _see_ecr),
    "scheduler": (_scheduler, _see_scheduler),
    "rest api": (_rest_api, _see_rest_api),
    "http api": (_http_api, _see_http_api),
    "autoscaling": (_scaling, _see_scaling),
    "cloudwatch": (_cloudwatch, _see_cloudwatch),
    "kinesis": (_kinesis, _see_kinesis),
}


@dataclass
class Lives:
    """What was seen of each service in one life of the emulator, and in the next."""

    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    instances: list[str] = field(default_factory=list)
    not_kept: str = ""


class Ending(Edge):
    close = Edge.end


@pytest.fixture(scope="module")
def lives(ministack_python: str, tmp_path_factory: pytest.TempPathFactory) -> Lives:
    state = tmp_path_factory.mktemp("edge")
    lives = Lives()
    with contextlib.closing(Ending(ministack_python, state)) as first:
        for name, (fill, see) in SERVICES.items():
            fill(first)
            lives.before[name] = see(first)
        lives.instances.append(first.health()[1]["instance"])
    with contextlib.closing(Ending(ministack_python, state)) as second:
        lives.instances.append(second.health()[1]["instance"])
        for name, (_, see) in SERVICES.items():
            lives.after[name] = see(second)
    lives.not_kept = (state / "logs" / "ministack.log").read_text()
    return lives


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_what_it_was_after_an_end_and_a_start(lives: Lives, name: str) -> None:
    assert lives.before[name] == lives.after[name]


def test_what_is_there_again_is_the_same_life(lives: Lives) -> None:
    assert lives.instances[0] == lives.instances[1] != ""


def test_no_variable_of_a_service_is_left_out(lives: Lives) -> None:
    assert "not kept" not in lives.not_kept


# --- kill -9 ----------------------------------------------------------------------------------------------------------


class Killable(Edge):
    def kill_all(self) -> None:
        """The edge, MiniStack and a save that is at work, as when the machine fails."""
        group = self.child
        self.process.kill()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
        self.process.communicate(timeout=60)


@pytest.fixture
def start(ministack_python: str, tmp_path: Path) -> Iterator[Callable[[], Killable]]:
    """An edge in this test's state directory."""
    edges: list[Killable] = []

    def start() -> Killable:
        (tmp_path / "edge.json").unlink(missing_ok=True)
        edges.append(Killable(ministack_python, tmp_path))
        return edges[-1]

    yield start
    for edge in edges:
        edge.end()


def emulator_of(edge: Edge) -> dict[str, Any]:
    part: dict[str, Any] = edge.health()[1]["parts"]["emulator"]
    return part


def put(edge: Edge, name: str) -> None:
    edge.client("ssm").put_parameter(Name=name, Value="v", Type="String")


def names(edge: Edge) -> list[str]:
    return [parameter["Name"] for parameter in edge.client("ssm").describe_parameters()["Parameters"]]


def test_a_killed_edge_loses_nothing(start: Callable[[], Killable]) -> None:
    edge = start()
    instance = edge.health()[1]["instance"]
    put(edge, "a")
    edge.process.kill()
    edge.process.wait()
    again = start()
    assert names(again) == ["a"]
    assert again.health()[1]["instance"] == instance
    assert "notes" not in emulator_of(again)


def test_what_changed_after_the_last_save_is_said_to_be_missing_and_the_life_is_another(
    start: Callable[[], Killable],
) -> None:
    edge = start()
    put(edge, "saved")
    assert edge.control("POST", "save")[1]["kept"] is True
    saved = edge.health()[1]["instance"]
    put(edge, "after")
    edge.kill_all()
    again = start()
    assert "saved" in names(again)
    [note] = emulator_of(again)["notes"]
    assert "ssm" in note
    assert "may be missing" in note
    life = again.health()[1]["instance"]
    assert life not in (saved, "")
    again.kill_all()  # before it saved anything: what was lost is still said, and the life is another again
    third = start()
    assert "ssm" in emulator_of(third)["notes"][0]
    assert third.health()[1]["instance"] not in (saved, life, "")


def test_reading_changes_nothing(start: Callable[[], Killable]) -> None:
    edge = start()
    put(edge, "a")
    url = edge.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    edge.control("POST", "save")
    instance = edge.health()[1]["instance"]
    names(edge)
    edge.client("sqs").receive_message(QueueUrl=url)
    edge.client("s3").list_buckets()
    edge.kill_all()
    again = start()
    assert again.health()[1]["instance"] == instance
    assert "notes" not in emulator_of(again)


def test_what_changes_is_saved_without_being_asked(start: Callable[[], Killable]) -> None:
    edge = start()
    put(edge, "a")
    kept = edge.state / "ministack" / "kept"
    eventually(lambda: (kept / "state").exists() and not list(kept.glob("changed-*")))
    edge.kill_all()
    again = start()
    assert names(again) == ["a"]
    assert "notes" not in emulator_of(again)


@pytest.mark.parametrize("seconds", [0.0, 0.02, 0.1, 0.3])
def test_killed_in_the_middle_of_a_save_it_has_that_save_or_the_one_before(
    start: Callable[[], Killable], seconds: float
) -> None:
    edge = start()
    s3 = edge.client("s3")
    s3.create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    for number in range(20):
        s3.put_object(Bucket="kept", Key=f"first-{number}", Body=os.urandom(1_000_000))
    edge.control("POST", "save")
    for number in range(20):
        s3.put_object(Bucket="kept", Key=f"second-{number}", Body=os.urandom(1_000_000))

    def save() -> None:
        with contextlib.suppress(OSError):
            edge.control("POST", "save")

    saving = threading.Thread(target=save)
    saving.start()
    time.sleep(seconds)
    edge.kill_all()
    saving.join()
    again = start()
    keys = {entry["Key"].partition("-")[0] for entry in again.client("s3").list_objects_v2(Bucket="kept")["Contents"]}
    if keys == {"first"}:
        assert "s3" in emulator_of(again)["notes"][0]
    else:
        assert keys == {"first", "second"}
    for key in again.client("s3").list_objects_v2(Bucket="kept")["Contents"]:
        assert len(again.client("s3").get_object(Bucket="kept", Key=key["Key"])["Body"].read()) == 1_000_000


def test_killed_under_writes_it_has_all_that_were_saved(start: Callable[[], Killable]) -> None:
    """What was answered before the last save's end is there, in each life, however often it is killed."""
    edge = start()
    there: set[str] = set()
    for life in range(3):
        saved: set[str] = set()
        for number in range(200):
            put(edge, f"{life}-{number}")
            there.add(f"{life}-{number}")
            if number % 50 == 0 and edge.control("POST", "save")[1]["kept"]:
                saved = set(there)
        edge.kill_all()
        edge = start()
        pages = edge.client("ssm").get_paginator("describe_parameters").paginate()
        there = {parameter["Name"] for page in pages for parameter in page["Parameters"]}
        assert saved <= there


@pytest.mark.parametrize("damage", ["cut", "changed", "empty"])
def test_a_damaged_file_is_put_aside_and_said(start: Callable[[], Killable], damage: str) -> None:
    edge = start()
    put(edge, "a")
    instance = edge.health()[1]["instance"]
    edge.end()
    path = edge.state / "ministack" / "kept" / "state"
    data = path.read_bytes()
    middle = len(data) // 2
    changed = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
    path.write_bytes({"cut": data[:middle], "changed": changed, "empty": b""}[damage])
    again = start()
    assert names(again) == []
    [note] = emulator_of(again)["notes"]
    assert "damaged" in note
    assert (edge.state / "ministack" / "kept.aside" / "state").exists()
    assert again.health()[1]["instance"] not in (instance, "")
    put(again, "b")
    again.end()
    third = start()
    assert names(third) == ["b"]
    assert "notes" not in emulator_of(third)


def test_a_state_of_another_ministack_is_put_aside_and_said(start: Callable[[], Killable]) -> None:
    edge = start()
    put(edge, "a")
    edge.end()
    path = edge.state / "ministack" / "kept" / "state"
    header, _, rest = path.read_bytes()[:-32].partition(b"\n")
    content = json.dumps({**json.loads(header), "ministack": "0.0.1"}).encode() + b"\n" + rest
    path.write_bytes(content + hashlib.blake2b(content, digest_size=32).digest())
    again = start()
    assert names(again) == []
    assert "MiniStack 0.0.1" in emulator_of(again)["notes"][0]


def test_a_reset_empties_what_is_kept_too(start: Callable[[], Killable]) -> None:
    edge = start()
    put(edge, "a")
    edge.control("POST", "save")
    instance = edge.health()[1]["instance"]
    headers = {"x-staticfire-token": edge.token}
    request = urllib.request.Request(f"{edge.endpoint}/_ministack/reset", b"", headers, method="POST")
    urllib.request.urlopen(request, timeout=60).close()
    assert edge.health()[1]["instance"] not in (instance, "")
    edge.kill_all()
    again = start()
    assert names(again) == []
