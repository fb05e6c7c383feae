"""Who may use a function URL: signatures of AuthType AWS_IAM, and the function's resource policy.

The edge knows the secrets of the keys that it gave to functions: their signatures are computed anew. A key of twelve
digits, an account's root here, has no secret that anybody agreed on: it is believed, as everywhere else.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from staticfire.edge.aws.access_keys import AccessKeys
from staticfire.edge.http1.messages import Request
from staticfire.edge.services.lambda_ import FunctionRef
from staticfire.edge.services.lambda_.model import json_object
from staticfire.edge.services.lambda_.policy import allows

ACTION = "lambda:InvokeFunctionUrl"
UNSIGNED = "UNSIGNED-PAYLOAD"
MINUTES = 5
_SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=(?P<key>[^/]+)/(?P<date>\d{8})/(?P<region>[^/]+)/lambda/aws4_request, *"
    r"SignedHeaders=(?P<headers>[a-z0-9;_-]+), *Signature=(?P<signature>[0-9a-f]{64})"
)


class BadSignature(Exception):
    """The text is AWS's, for the caller."""


@dataclass(frozen=True, slots=True)
class Signer:
    key: str
    account: str
    arn: str

    def described(self) -> dict[str, Any]:
        return {
            "accessKey": self.key,
            "accountId": self.account,
            "callerId": self.arn.rpartition("/")[2],
            "cognitoIdentity": None,
            "principalOrgId": None,
            "userArn": self.arn,
            "userId": self.arn.rpartition("/")[2],
        }


def signer(request: Request, body: bytes, access_keys: AccessKeys) -> Signer | None:
    """Who signed the request; None if nobody did. Raises BadSignature."""
    match = _SIGNED.fullmatch(request.headers.get("authorization"))
    if match is None:
        return None
    key = match["key"]
    if len(key) == 12 and key.isdecimal():
        return Signer(key, key, f"arn:aws:iam::{key}:root")
    account = access_keys.account(key)
    if not account:
        raise BadSignature("The security token included in the request is invalid.")
    _check_date(request, match["date"])
    _check_body(request, body)
    if not hmac.compare_digest(_signature(request, body, match, access_keys.secret_of(key)), match["signature"]):
        raise BadSignature(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
            "Access Key and signing method. Consult the service documentation for details."
        )
    caller = access_keys.caller(key)
    if caller is None:
        return Signer(key, account, f"arn:aws:iam::{account}:root")
    role = caller.role.rpartition("/")[2]
    return Signer(key, account, f"arn:aws:sts::{account}:assumed-role/{role}/{caller.function}")


def _signature(request: Request, body: bytes, match: re.Match[str], secret: str) -> str:
    """As botocore computes it of the headers that were signed."""
    host = request.headers.get("host")
    headers = {name: ",".join(request.headers.getall(name)) for name in match["headers"].split(";")}
    signed = AWSRequest(method=request.method, url=f"https://{host}{request.target}", headers=headers, data=body)
    signed.context["timestamp"] = request.headers.get("x-amz-date")
    auth = SigV4Auth(Credentials(match["key"], secret), "lambda", match["region"])
    return str(auth.signature(auth.string_to_sign(signed, auth.canonical_request(signed)), signed))


def _check_date(request: Request, date: str) -> None:
    stamp = request.headers.get("x-amz-date")
    try:
        signed = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise BadSignature("Date must be in ISO-8601 'basic format'.") from error
    if not stamp.startswith(date):
        raise BadSignature(f"Credential should be scoped to a valid date, not to {date}.")
    if abs((datetime.now(UTC) - signed).total_seconds()) > MINUTES * 60:
        raise BadSignature(f"Signature expired: {stamp} is more than {MINUTES} minutes away.")


def _check_body(request: Request, body: bytes) -> None:
    digest = request.headers.get("x-amz-content-sha256")
    if digest not in ("", UNSIGNED, hashlib.sha256(body).hexdigest()):
        raise BadSignature("The value of the header X-Amz-Content-Sha256 is not the payload's.")


def permits(policy: Mapping[str, Any], ref: FunctionRef, auth_type: str, signed_by: Signer | None) -> bool:
    """Whether the URL may be used: a caller of the function's own account needs no permission of the function's."""
    if signed_by is not None and signed_by.account == ref.scope.account:
        return True
    document = json_object(policy.get("Policy") or "{}")
    principals = ["*"]
    if signed_by is not None:
        principals = [signed_by.account, f"arn:aws:iam::{signed_by.account}:root", signed_by.arn]
    facts = {"lambda:functionurlauthtype": auth_type, "lambda:invokedviafunctionurl": "true"}
    return any(allows(document, ref.resource, one, None, action=ACTION, facts=facts) for one in principals)
