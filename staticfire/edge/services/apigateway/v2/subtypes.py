"""The first-class integrations of HTTP APIs: which there are, and the parameters of each.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-aws-services-reference.html
"""

from __future__ import annotations

from typing import NamedTuple

from .called import bad_request
from .records import Record


class Subtype(NamedTuple):
    required: frozenset[str]
    optional: frozenset[str]


def _subtype(required: str, optional: str) -> Subtype:
    return Subtype(frozenset(required.split()), frozenset(optional.split()))


SUBTYPES = {
    "EventBridge-PutEvents": _subtype("Detail DetailType Source", "Time EventBusName Resources Region TraceHeader"),
    "SQS-SendMessage": _subtype(
        "QueueUrl MessageBody",
        "DelaySeconds MessageAttributes MessageDeduplicationId MessageGroupId MessageSystemAttributes Region",
    ),
    "SQS-ReceiveMessage": _subtype(
        "QueueUrl",
        "AttributeNames MaxNumberOfMessages MessageAttributeNames ReceiveRequestAttemptId VisibilityTimeout "
        "WaitTimeSeconds Region",
    ),
    "SQS-DeleteMessage": _subtype("ReceiptHandle QueueUrl", "Region"),
    "SQS-PurgeQueue": _subtype("QueueUrl", "Region"),
    "AppConfig-GetConfiguration": _subtype(
        "Application Environment Configuration ClientId", "ClientConfigurationVersion Region"
    ),
    "Kinesis-PutRecord": _subtype("StreamName Data PartitionKey", "SequenceNumberForOrdering ExplicitHashKey Region"),
    "StepFunctions-StartExecution": _subtype("StateMachineArn", "Name Input Region TraceHeader"),
    "StepFunctions-StartSyncExecution": _subtype("StateMachineArn", "Name Input Region TraceHeader"),
    "StepFunctions-StopExecution": _subtype("ExecutionArn", "Cause Error Region"),
}


def check_parameters(subtype: str, integration: Record) -> None:
    """Refuse a subtype that there is not, and parameters that it does not have or lacks."""
    if subtype not in SUBTYPES:
        raise bad_request(f"IntegrationSubtype {subtype} is not supported: one of {', '.join(sorted(SUBTYPES))} is")
    if integration["IntegrationType"] != "AWS_PROXY":
        raise bad_request("IntegrationSubtype is supported only for integrations of type AWS_PROXY")
    if not integration.get("CredentialsArn"):
        raise bad_request(f"CredentialsArn is required for the integration subtype {subtype}")
    parameters = integration.get("RequestParameters") or {}
    accepted = SUBTYPES[subtype]
    if lacking := accepted.required - parameters.keys():
        raise bad_request(f"Parameter {', '.join(sorted(lacking))} is required for the integration subtype {subtype}")
    if unknown := parameters.keys() - accepted.required - accepted.optional:
        raise bad_request(f"Parameter {', '.join(sorted(unknown))} is not valid for the integration subtype {subtype}")
