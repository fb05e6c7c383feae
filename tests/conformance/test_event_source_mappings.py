"""Event source mappings: what AWS tells and refuses of them, and what becomes of batches that fail."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conformance.fidelity import documented
from tests.conformance.lab import Lab, Queue, eventually

AREA = "Event sources: mappings"
SEEN = "2025-11-25"
CREATE = "lambda/latest/api/API_CreateEventSourceMapping.html"
UPDATE = "lambda/latest/api/API_UpdateEventSourceMapping.html"
SQS = "lambda/latest/dg/services-sqs-errorhandling.html"
FIFO = "lambda/latest/dg/services-sqs-scaling.html"
TABLES = "lambda/latest/dg/services-dynamodb-errors.html"
REPORTS = "lambda/latest/dg/services-ddb-batchfailurereporting.html"
KINESIS = "lambda/latest/dg/kinesis-on-failure-destination.html"
WINDOWS = "lambda/latest/dg/services-kinesis-windows.html"
UNKNOWN = "4a1fba7d-0f6b-4fb4-9d6c-1f4d5c2a7e10"

# Tells a queue of the batch, and answers or fails as a record of it says.
WORK = """
    import base64
    import json

    import boto3

    def handler(event, context):
        event_fields = {name: value for name, value in event.items() if name != "Records"}
        names, fail = [], None
        for record in event["Records"]:
            if "dynamodb" in record:
                image = record["dynamodb"]["NewImage"]
                name, order = image["id"]["S"], image.get("fail", {}).get("S")
                item = record["dynamodb"]["SequenceNumber"]
            elif "kinesis" in record:
                document = json.loads(base64.b64decode(record["kinesis"]["data"]))
                name, order, item = document["id"], document.get("fail"), record["kinesis"]["sequenceNumber"]
            else:
                document = json.loads(record["body"])
                name, order, item = document["id"], document.get("fail"), record["messageId"]
            names.append(name)
            fail = fail or (order and (order, item))
        boto3.client("sqs").send_message(QueueUrl=URL, MessageBody=json.dumps({"names": names, **event_fields}))
        if fail and fail[0] == "raise":
            raise ValueError("as told")
        if fail and fail[0] == "report":
            return {"batchItemFailures": [{"itemIdentifier": fail[1]}]}
        if fail:
            return json.loads(fail[0])
        return {"state": {"count": event.get("state", {}).get("count", 0) + len(names)}}
"""


class Worker:
    """A function that tells of its batches."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.queue = lab.queue()
        self.name = lab.function(WORK.replace("URL", repr(self.queue.url)), Timeout=6)

    def batch(self) -> list[str]:
        names: list[str] = json.loads(self.queue.receive()["Body"])["names"]
        return names


@pytest.fixture
def worker(lab: Lab) -> Worker:
    return Worker(lab)


@pytest.fixture(scope="module")
def function(lab: Lab) -> str:
    return lab.function("def handler(event, context):\n    return None\n")


@pytest.fixture
def mapped(lab: Lab) -> Iterator[list[str]]:
    """Mappings of a case, deleted after it."""
    made: list[str] = []
    yield made
    for uuid in made:
        lab.aws("lambda").delete_event_source_mapping(UUID=uuid)


def table(lab: Lab) -> tuple[str, str]:
    """A table with a stream: its name, and the stream's ARN."""
    name = lab.name("table")
    made = lab.aws("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]
    return name, made["LatestStreamArn"]


def stream(lab: Lab) -> tuple[str, str]:
    """A Kinesis stream with one shard: its name and ARN."""
    kinesis, name = lab.aws("kinesis"), lab.name("stream")
    kinesis.create_stream(StreamName=name, ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName=name)
    return name, kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]


def put(lab: Lab, name: str, *items: tuple[str, str | None]) -> None:
    for identity, fail in items:
        item = {"id": {"S": identity}} | ({"fail": {"S": fail}} if fail else {})
        lab.aws("dynamodb").put_item(TableName=name, Item=item)


def settled(lab: Lab, uuid: str, state: str = "Enabled") -> dict[str, Any]:
    client = lab.aws("lambda")

    def described() -> dict[str, Any] | None:
        mapping = client.get_event_source_mapping(UUID=uuid)
        return mapping if mapping["State"] == state else None

    answer: dict[str, Any] = eventually(described, f"the state {state}")
    return answer


def refusal(lab: Lab, operation: str, **parameters: Any) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as refused:
        getattr(lab.aws("lambda"), operation)(**parameters)
    answer = refused.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


@documented(
    AREA,
    "A mapping of an unknown function, queue or stream is refused, in the words of its source",
    CREATE,
    recorded=SEEN,
)
@pytest.mark.streams("kinesis")
def test_unknown_sources_and_functions(lab: Lab, function: str) -> None:
    account = lab.arn(function).split(":")[4]
    region = lab.arn(function).split(":")[3]
    queue = f"arn:aws:sqs:{region}:{account}:missing"
    of_table = f"arn:aws:dynamodb:{region}:{account}:table/missing/stream/2025-02-22T03:03:25.490"
    of_kinesis = f"arn:aws:kinesis:{region}:{account}:stream/missing"
    create = "create_event_source_mapping"
    bad = (400, "InvalidParameterValueException")
    assert refusal(lab, create, FunctionName="missing", EventSourceArn=lab.queue().arn) == (
        *bad,
        "Function does not exist",
    )
    assert refusal(lab, create, FunctionName=function) == (*bad, "Unrecognized event source.")
    assert refusal(lab, create, FunctionName=function, EventSourceArn=queue) == (
        *bad,
        "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
        "SQS Error Message: The specified queue does not exist.",
    )
    for arn in (of_table, of_kinesis):
        refused = refusal(lab, create, FunctionName=function, EventSourceArn=arn, StartingPosition="LATEST")
        assert refused == (*bad, f"Stream not found: {arn}")


@documented(
    AREA, "A stream's mapping wants a starting position, a table's no time, a queue's none", CREATE, recorded=SEEN
)
@pytest.mark.streams("kinesis")
def test_starting_positions(lab: Lab, function: str) -> None:
    _, of_table = table(lab)
    _, of_kinesis = stream(lab)
    create = "create_event_source_mapping"
    for arn in (of_table, of_kinesis):
        refused = refusal(lab, create, FunctionName=function, EventSourceArn=arn)
        assert refused == (
            400,
            "InvalidParameterValueException",
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: "
            "Member must not be null.",
        )
        refused = refusal(lab, create, FunctionName=function, EventSourceArn=arn, StartingPosition="invalid")
        assert refused == (
            400,
            "ValidationException",
            "1 validation error detected: Value 'invalid' at 'startingPosition' failed to satisfy constraint: "
            "Member must satisfy enum value set: [LATEST, AT_TIMESTAMP, TRIM_HORIZON]",
        )
    refused = refusal(
        lab,
        create,
        FunctionName=function,
        EventSourceArn=of_table,
        StartingPosition="AT_TIMESTAMP",
        StartingPositionTimestamp=1700000000,
    )
    assert refused[2] == f"Unsupported starting position for arn type: {of_table}"


@documented(
    AREA, "More than 10 messages in a batch want a window; a queue's mapping has no destination", CREATE, recorded=SEEN
)
def test_settings_that_do_not_fit(lab: Lab, function: str, mapped: list[str]) -> None:
    window = "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
    client, queue = lab.aws("lambda"), lab.queue()
    create = "create_event_source_mapping"
    refused = refusal(lab, create, FunctionName=function, EventSourceArn=queue.arn, BatchSize=11)
    assert refused == (400, "InvalidParameterValueException", window)
    made = client.create_event_source_mapping(FunctionName=function, EventSourceArn=queue.arn)
    mapped.append(made["UUID"])
    settled(lab, made["UUID"])
    assert refusal(lab, "update_event_source_mapping", UUID=made["UUID"], BatchSize=11)[2] == window
    on_success = {"OnSuccess": {"Destination": queue.arn}}
    refused = refusal(lab, create, FunctionName=function, EventSourceArn=lab.queue().arn, DestinationConfig=on_success)
    assert refused[2] == "Unsupported DestinationConfig parameter for given event source mapping type."


@documented(AREA, "The same mapping twice is a conflict that names the first", CREATE, recorded=SEEN)
@pytest.mark.streams("dynamodb")
def test_the_same_mapping_twice(lab: Lab, function: str, mapped: list[str]) -> None:
    client, queue = lab.aws("lambda"), lab.queue()
    _, arn = table(lab)
    uuid = client.create_event_source_mapping(FunctionName=function, EventSourceArn=queue.arn)["UUID"]
    other = client.create_event_source_mapping(FunctionName=function, EventSourceArn=arn, StartingPosition="LATEST")
    mapped += [uuid, other["UUID"]]
    create = "create_event_source_mapping"
    assert refusal(lab, create, FunctionName=function, EventSourceArn=queue.arn) == (
        409,
        "ResourceConflictException",
        f'An event source mapping with SQS arn (" {queue.arn} ") and function (" {function} ") already exists. '
        f"Please update or delete the existing mapping with UUID {uuid}",
    )
    assert refusal(lab, create, FunctionName=function, EventSourceArn=arn, StartingPosition="LATEST")[2] == (
        f'The event source arn (" {arn} ") and function (" {function} ") provided mapping already exists. '
        f"Please update or delete the existing mapping with UUID {other['UUID']}"
    )


@documented(AREA, "An unknown mapping is a ResourceNotFoundException for get, update and delete", UPDATE, recorded=SEEN)
@pytest.mark.parametrize("operation", ["get", "update", "delete"])
def test_an_unknown_mapping(lab: Lab, operation: str) -> None:
    refused = refusal(lab, f"{operation}_event_source_mapping", UUID=UNKNOWN)
    assert refused == (404, "ResourceNotFoundException", "The resource you requested does not exist.")


@documented(
    AREA, "A mapping is Updating, Disabling, Enabling and Deleting on its way, and then gone", UPDATE, recorded=SEEN
)
def test_the_states_of_a_mapping(lab: Lab, function: str) -> None:
    client = lab.aws("lambda")
    made = client.create_event_source_mapping(FunctionName=function, EventSourceArn=lab.queue().arn, Enabled=False)
    uuid = made["UUID"]
    assert (made["State"], made["ResponseMetadata"]["HTTPStatusCode"]) == ("Disabled", 202)
    assert client.update_event_source_mapping(UUID=uuid, Enabled=True)["State"] == "Enabling"
    settled(lab, uuid)
    assert client.update_event_source_mapping(UUID=uuid, BatchSize=5)["State"] == "Updating"
    assert settled(lab, uuid)["BatchSize"] == 5
    assert client.update_event_source_mapping(UUID=uuid, Enabled=False)["State"] == "Disabling"
    settled(lab, uuid, "Disabled")
    deleted = client.delete_event_source_mapping(UUID=uuid)
    assert (deleted["State"], deleted["ResponseMetadata"]["HTTPStatusCode"]) == ("Deleting", 202)

    def gone() -> bool:
        try:
            client.get_event_source_mapping(UUID=uuid)
        except client.exceptions.ResourceNotFoundException:
            return True
        return False

    eventually(gone, "the mapping gone")


@documented(AREA, "Mappings are listed by function and by source, in pages", CREATE)
def test_mappings_are_listed(lab: Lab, mapped: list[str]) -> None:
    client = lab.aws("lambda")
    function = lab.function("def handler(event, context):\n    return None\n")
    queues = [lab.queue(), lab.queue()]
    made = [client.create_event_source_mapping(FunctionName=function, EventSourceArn=queue.arn) for queue in queues]
    mapped += [mapping["UUID"] for mapping in made]
    pages = client.get_paginator("list_event_source_mappings").paginate(FunctionName=function, MaxItems=1)
    listed = [mapping["UUID"] for page in pages for mapping in page["EventSourceMappings"]]
    assert sorted(listed) == sorted(mapped)
    [only] = client.list_event_source_mappings(EventSourceArn=queues[0].arn)["EventSourceMappings"]
    assert only["UUID"] == made[0]["UUID"]


@documented(AREA, "A mapping has tags, under its ARN", CREATE, recorded=SEEN)
def test_a_mapping_has_tags(lab: Lab, function: str, mapped: list[str]) -> None:
    client = lab.aws("lambda")
    made = client.create_event_source_mapping(
        FunctionName=function, EventSourceArn=lab.queue().arn, Tags={"a": "1", "b": "2"}
    )
    mapped.append(made["UUID"])
    arn = made["EventSourceMappingArn"]
    client.tag_resource(Resource=arn, Tags={"b": "3", "c": "4"})
    client.untag_resource(Resource=arn, TagKeys=["a", "other"])
    assert client.list_tags(Resource=arn)["Tags"] == {"b": "3", "c": "4"}


def of_queue(lab: Lab, worker: Worker, source: Queue, **settings: Any) -> str:
    made = lab.aws("lambda").create_event_source_mapping(
        FunctionName=worker.name, EventSourceArn=source.arn, **settings
    )
    return str(made["UUID"])


@documented(AREA, "A queue whose messages become visible before the function's time-out is refused", SQS)
def test_a_queue_that_does_not_wait_for_the_function(lab: Lab) -> None:
    client, source = lab.aws("lambda"), lab.queue()
    lab.aws("sqs").set_queue_attributes(QueueUrl=source.url, Attributes={"VisibilityTimeout": "9"})
    function = lab.function("def handler(event, context):\n    return None\n", Timeout=10)
    with pytest.raises(client.exceptions.InvalidParameterValueException) as error:
        client.create_event_source_mapping(FunctionName=function, EventSourceArn=source.arn)
    text = "Queue visibility timeout: 9 seconds is less than Function timeout: 10 seconds"
    assert error.value.response["Error"]["Message"] == text


@documented(AREA, "An answer that AWS does not understand fails the whole batch of messages", SQS, recorded=SEEN)
@pytest.mark.parametrize("failure", [{"foo": 1}, {"itemIdentifier": ""}])
def test_a_malformed_answer_fails_the_batch(lab: Lab, worker: Worker, mapped: list[str], failure: Any) -> None:
    dead, source = lab.queue(), lab.queue()
    policy = json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": "2"})
    lab.aws("sqs").set_queue_attributes(
        QueueUrl=source.url, Attributes={"VisibilityTimeout": "6", "RedrivePolicy": policy}
    )
    mapped.append(of_queue(lab, worker, source, FunctionResponseTypes=["ReportBatchItemFailures"]))
    body = json.dumps({"id": "m", "fail": json.dumps({"batchItemFailures": [failure]})})
    lab.aws("sqs").send_message(QueueUrl=source.url, MessageBody=body)
    assert (worker.batch(), worker.batch()) == (["m"], ["m"])
    assert dead.receive()["Body"] == body


@documented(AREA, "A FIFO queue's group has one batch under way, in order; what failed comes before what follows", FIFO)
def test_a_fifo_queue_keeps_its_order(lab: Lab, worker: Worker, mapped: list[str]) -> None:
    sqs = lab.aws("sqs")
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true", "VisibilityTimeout": "6"}
    url = sqs.create_queue(QueueName=f"{lab.name('queue')}.fifo", Attributes=attributes)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    lab.invoke(worker.name, {"Records": []})  # its start is over before a message's invisibility begins
    assert worker.batch() == []
    for name in ("a", "b", "c"):
        fail = {"fail": "raise"} if name == "b" else {}
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"id": name, **fail}), MessageGroupId="g")
    made = lab.aws("lambda").create_event_source_mapping(FunctionName=worker.name, EventSourceArn=arn, BatchSize=1)
    mapped.append(made["UUID"])
    assert [worker.batch() for _ in range(3)] == [["a"], ["b"], ["b"]]
    sqs.delete_queue(QueueUrl=url)


@documented(AREA, "A message's attributes arrive with their types, empty lists and MD5", SQS, recorded=SEEN)
def test_a_messages_attributes(lab: Lab, mapped: list[str]) -> None:
    heard, source = lab.queue(), lab.queue()
    function = lab.function(
        f"""
        import json

        import boto3

        def handler(event, context):
            boto3.client("sqs").send_message(QueueUrl={heard.url!r}, MessageBody=json.dumps(event["Records"][0]))
        """
    )
    attributes = {
        "Title": {"StringValue": "The Whistler", "DataType": "String"},
        "Author": {"StringValue": "John Grisham", "DataType": "String"},
        "WeeksOn": {"StringValue": "6", "DataType": "Number"},
    }
    made = lab.aws("lambda").create_event_source_mapping(FunctionName=function, EventSourceArn=source.arn)
    mapped.append(made["UUID"])
    lab.aws("sqs").send_message(QueueUrl=source.url, MessageBody="m", MessageAttributes=attributes)
    record = json.loads(heard.receive()["Body"])
    lists: dict[str, Any] = {"stringListValues": [], "binaryListValues": []}
    assert record["messageAttributes"]["WeeksOn"] == {"stringValue": "6", "dataType": "Number", **lists}
    assert record["md5OfMessageAttributes"] == "d25a6aea97eb8f585bfa92d314504a92"
    assert set(record["attributes"]) == {
        *("ApproximateReceiveCount", "SentTimestamp", "SenderId", "ApproximateFirstReceiveTimestamp")
    }


def of_table(lab: Lab, worker: Worker, arn: str, **settings: Any) -> str:
    made = lab.aws("lambda").create_event_source_mapping(
        FunctionName=worker.name, EventSourceArn=arn, StartingPosition="TRIM_HORIZON", **settings
    )
    return str(made["UUID"])


def destination(queue: str) -> dict[str, Any]:
    return {"OnFailure": {"Destination": queue}}


@documented(
    AREA, "After MaximumRetryAttempts a batch goes to the failure queue, and its shard goes on", TABLES, recorded=SEEN
)
@pytest.mark.streams("dynamodb")
def test_a_batch_is_given_up_to_a_queue(lab: Lab, worker: Worker, mapped: list[str]) -> None:
    dead = lab.queue()
    name, arn = table(lab)
    uuid = of_table(lab, worker, arn, BatchSize=1, MaximumRetryAttempts=1, DestinationConfig=destination(dead.arn))
    mapped.append(uuid)
    put(lab, name, ("a", "raise"), ("b", None))
    assert [worker.batch() for _ in range(3)] == [["a"], ["a"], ["b"]]
    record = json.loads(dead.receive()["Body"])
    assert record["requestContext"].pop("requestId")
    assert record["requestContext"] == {
        "functionArn": lab.arn(worker.name),
        "condition": "RetryAttemptsExhausted",
        "approximateInvokeCount": 2,
    }
    assert record["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    batch = record["DDBStreamBatchInfo"]
    assert (batch["batchSize"], batch["streamArn"]) == (1, arn)
    assert batch["startSequenceNumber"] == batch["endSequenceNumber"]
    assert set(record) == {"requestContext", "responseContext", "version", "timestamp", "DDBStreamBatchInfo"}
    eventually(
        lambda: lab.aws("lambda").get_event_source_mapping(UUID=uuid)["LastProcessingResult"] == "OK", "the result OK"
    )


@documented(AREA, "Without limits a batch that fails blocks its shard", TABLES)
@pytest.mark.streams("dynamodb")
def test_a_poison_record_blocks_without_limits(lab: Lab, worker: Worker, mapped: list[str]) -> None:
    name, arn = table(lab)
    uuid = of_table(lab, worker, arn, BatchSize=1)
    mapped.append(uuid)
    put(lab, name, ("a", "raise"), ("b", None))
    assert [worker.batch() for _ in range(4)] == [["a"]] * 4
    described = lab.aws("lambda").get_event_source_mapping(UUID=uuid)
    assert described["LastProcessingResult"] == "PROBLEM: Function call failed"


@documented(AREA, "BisectBatchOnFunctionError splits a batch that fails, until the poison record is alone", TABLES)
@pytest.mark.streams("dynamodb")
def test_a_batch_is_bisected(lab: Lab, worker: Worker, mapped: list[str]) -> None:
    dead = lab.queue()
    name, arn = table(lab)
    put(lab, name, ("a", None), ("b", None), ("c", "raise"), ("d", None))
    mapped.append(
        of_table(
            lab,
            worker,
            arn,
            MaximumRetryAttempts=0,
            BisectBatchOnFunctionError=True,
            DestinationConfig=destination(dead.arn),
        )
    )
    batches = [worker.batch() for _ in range(5)]
    assert batches == [["a", "b", "c", "d"], ["a", "b"], ["c", "d"], ["c"], ["d"]]
    assert json.loads(dead.receive()["Body"])["DDBStreamBatchInfo"]["batchSize"] == 1


@documented(
    AREA, "ReportBatchItemFailures: a stream comes again from the first item that failed", REPORTS, recorded=SEEN
)
@pytest.mark.streams("dynamodb")
def test_a_stream_comes_again_from_what_failed(lab: Lab, worker: Worker, mapped: list[str]) -> None:
    dead = lab.queue()
    name, arn = table(lab)
    put(lab, name, ("a", None), ("b", "report"))
    mapped.append(
        of_table(
            lab,
            worker,
            arn,
            MaximumRetryAttempts=1,
            FunctionResponseTypes=["ReportBatchItemFailures"],
            DestinationConfig=destination(dead.arn),
        )
    )
    assert [worker.batch() for _ in range(3)] == [["a", "b"], ["b"], ["b"]]
    record = json.loads(dead.receive()["Body"])
    assert record["requestContext"]["approximateInvokeCount"] == 2
    assert record["responseContext"]["functionError"] is None


@documented(
    AREA, "A failure destination may be a topic, and a bucket, which gets the records too", TABLES, recorded=SEEN
)
@pytest.mark.streams("dynamodb")
def test_a_batch_is_given_up_to_a_topic_and_a_bucket(lab: Lab, worker: Worker, mapped: list[str]) -> None:
    sns, s3 = lab.aws("sns"), lab.aws("s3", s3={"addressing_style": "path"})
    heard, bucket = lab.queue(), lab.name("bucket")
    topic = sns.create_topic(Name=lab.name("topic"))["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=heard.arn)
    s3.create_bucket(Bucket=bucket)
    name, arn = table(lab)
    uuid = of_table(lab, worker, arn, MaximumRetryAttempts=0, DestinationConfig=destination(topic))
    put(lab, name, ("a", "raise"))
    notified = json.loads(json.loads(heard.receive()["Body"])["Message"])
    assert notified["requestContext"]["condition"] == "RetryAttemptsExhausted"
    lab.aws("lambda").update_event_source_mapping(UUID=uuid, DestinationConfig=destination(f"arn:aws:s3:::{bucket}"))
    mapped.append(uuid)
    settled(lab, uuid)
    put(lab, name, ("b", "raise"))
    [written] = eventually(lambda: s3.list_objects_v2(Bucket=bucket).get("Contents"), "an object")
    assert written["Key"].startswith(f"aws/lambda/{uuid}/{notified['DDBStreamBatchInfo']['shardId']}/20")
    document = json.loads(s3.get_object(Bucket=bucket, Key=written["Key"])["Body"].read())
    [record] = document["payload"]["Records"]
    assert record["dynamodb"]["NewImage"]["id"] == {"S": "b"}
    s3.delete_object(Bucket=bucket, Key=written["Key"])


@documented(AREA, "A disabled mapping goes on behind what it has read", UPDATE)
@pytest.mark.streams("dynamodb")
def test_a_mapping_goes_on_behind_what_it_has_read(lab: Lab, worker: Worker, mapped: list[str]) -> None:
    name, arn = table(lab)
    uuid = of_table(lab, worker, arn)
    mapped.append(uuid)
    put(lab, name, ("a", None))
    assert worker.batch() == ["a"]
    client = lab.aws("lambda")
    settled(lab, uuid)
    client.update_event_source_mapping(UUID=uuid, Enabled=False)
    settled(lab, uuid, "Disabled")
    put(lab, name, ("b", None))
    client.update_event_source_mapping(UUID=uuid, Enabled=True)
    assert worker.batch() == ["b"]


@documented(AREA, "A Kinesis batch that is given up is told with KinesisBatchInfo", KINESIS)
@pytest.mark.streams("kinesis")
def test_a_kinesis_batch_is_given_up(lab: Lab, worker: Worker, mapped: list[str]) -> None:
    dead = lab.queue()
    name, arn = stream(lab)
    put_records(lab, name, {"id": "a", "fail": "raise"}, {"id": "b"})
    mapped.append(
        of_table(lab, worker, arn, BatchSize=1, MaximumRetryAttempts=1, DestinationConfig=destination(dead.arn))
    )
    assert [worker.batch() for _ in range(3)] == [["a"], ["a"], ["b"]]
    batch = json.loads(dead.receive()["Body"])["KinesisBatchInfo"]
    assert (batch["batchSize"], batch["streamArn"]) == (1, arn)


def put_records(lab: Lab, name: str, *documents: dict[str, Any]) -> None:
    for document in documents:
        lab.aws("kinesis").put_record(StreamName=name, PartitionKey="k", Data=json.dumps(document).encode())


@documented(AREA, "AT_TIMESTAMP starts with the records of that time", CREATE)
@pytest.mark.streams("kinesis")
def test_a_kinesis_stream_from_a_time_on(lab: Lab, worker: Worker, mapped: list[str]) -> None:
    name, arn = stream(lab)
    put_records(lab, name, {"id": "a"})
    time.sleep(2)
    since = time.time() - 1
    put_records(lab, name, {"id": "b"})
    made = lab.aws("lambda").create_event_source_mapping(
        FunctionName=worker.name, EventSourceArn=arn, StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=since
    )
    mapped.append(made["UUID"])
    assert worker.batch() == ["b"]


@documented(AREA, "A tumbling window hands its state on, and ends with a last invocation", WINDOWS)
@pytest.mark.streams("kinesis")
def test_a_tumbling_window(lab: Lab, worker: Worker, mapped: list[str]) -> None:
    name, arn = stream(lab)
    mapped.append(of_table(lab, worker, arn, BatchSize=1, TumblingWindowInSeconds=5))
    while time.time() % 5 > 2:  # early in a window, so that both records fall into it
        time.sleep(0.1)
    put_records(lab, name, {"id": "a"}, {"id": "b"})
    first, second, last = (json.loads(worker.queue.receive()["Body"]) for _ in range(3))
    assert (first["names"], second["names"], last["names"]) == (["a"], ["b"], [])
    assert (first["state"], second["state"], last["state"]) == ({}, {"count": 1}, {"count": 2})
    assert (first["isFinalInvokeForWindow"], last["isFinalInvokeForWindow"]) == (False, True)
    assert first["window"] == last["window"]
    assert first["eventSourceARN"] == arn
