"""Functions that LocalStack is given as targets are described as they were put; what nothing would do is refused."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from staticfire.targets.base import Running

ACCOUNT = "300000000001"
REGION = "us-east-1"


class Account:
    def __init__(self, running: Running) -> None:
        self._endpoint = running.endpoint

    def __call__(self, service: str) -> Any:
        config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        keys = {"aws_access_key_id": ACCOUNT, "aws_secret_access_key": "test"}
        return boto3.client(service, endpoint_url=self._endpoint, region_name=REGION, config=config, **keys)


@pytest.fixture
def aws(running: Running) -> Account:
    return Account(running)


@pytest.fixture
def name() -> str:
    return f"case-{uuid.uuid4().hex[:10]}"


def packed() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("code.py", "def handler(event, context):\n    return event\n")
    return data.getvalue()


def make(aws: Account, name: str, code: dict[str, Any]) -> str:
    made = aws("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="code.handler",
        Role=f"arn:aws:iam::{ACCOUNT}:role/any",
        Code=code,
    )
    return str(made["FunctionArn"])


@pytest.fixture
def function(aws: Account, name: str) -> str:
    return make(aws, name, {"ZipFile": packed()})


def test_a_topics_subscription_is_described_as_the_functions(aws: Account, name: str, function: str) -> None:
    sns = aws("sns")
    topic = sns.create_topic(Name=name)["TopicArn"]
    made = sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function, ReturnSubscriptionArn=True)
    [listed] = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    attributes = sns.get_subscription_attributes(SubscriptionArn=made["SubscriptionArn"])["Attributes"]
    assert (listed["Protocol"], listed["Endpoint"]) == ("lambda", function)
    assert (attributes["Protocol"], attributes["Endpoint"]) == ("lambda", function)


def test_a_rules_target_is_described_as_the_function(aws: Account, name: str, function: str) -> None:
    events = aws("events")
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, Targets=[{"Id": "f", "Arn": function}])
    assert [rule_target["Arn"] for rule_target in events.list_targets_by_rule(Rule=name)["Targets"]] == [function]
    assert events.list_rule_names_by_target(TargetArn=function)["RuleNames"] == [name]


def test_a_buckets_notification_is_described_as_the_functions(aws: Account, name: str, function: str) -> None:
    s3 = aws("s3")
    s3.create_bucket(Bucket=name)
    wanted = {"Id": "all", "LambdaFunctionArn": function, "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(
        Bucket=name, NotificationConfiguration={"LambdaFunctionConfigurations": [wanted]}
    )
    notifications = s3.get_bucket_notification_configuration(Bucket=name)
    assert notifications["LambdaFunctionConfigurations"] == [wanted]
    assert "QueueConfigurations" not in notifications


def test_a_function_that_does_not_exist_is_no_target(aws: Account, name: str) -> None:
    events = aws("events")
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    missing = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
    with pytest.raises(ClientError, match="Function not found"):
        events.put_targets(Rule=name, Targets=[{"Id": "f", "Arn": missing}])


def test_code_may_lie_in_a_bucket(aws: Account, name: str) -> None:
    s3 = aws("s3")
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="code.zip", Body=packed())
    make(aws, name, {"S3Bucket": name, "S3Key": "code.zip"})
    answer = aws("lambda").invoke(FunctionName=name, Payload=b'{"a": 1}')
    assert json.loads(answer["Payload"].read()) == {"a": 1}


def test_a_schedule_that_reaches_nothing_is_refused(aws: Account, name: str) -> None:
    target = {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:q", "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/any"}
    with pytest.raises(ClientError, match="can invoke functions"):
        aws("scheduler").create_schedule(
            Name=name, ScheduleExpression="rate(1 hour)", FlexibleTimeWindow={"Mode": "OFF"}, Target=target
        )


def test_the_tags_of_an_alarm_are_kept(aws: Account, name: str) -> None:
    cloudwatch = aws("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="n",
        MetricName="m",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        Tags=[{"Key": "k", "Value": "v"}],
    )
    arn = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"
    assert cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "k", "Value": "v"}]
