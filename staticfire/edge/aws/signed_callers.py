"""Who signed a request that is not an AWS API call (of an API, a function URL, `@connections`), and what they may do.

signature -> its key: made by IAM or STS here   the signature is computed anew with the secret; its user or role
                      of a function             the same; the function's role
                      twelve digits, or a word  believed: that account's root; nobody agreed on a secret
                      any other of AWS's form   refused: the key is none of this stack

allowed:  a Deny of any policy beats all. Within one account the identity's policies or the resource's must allow,
          across accounts both. An account's root needs no policy of its own. A user or a role that IAM here does
          not have is taken as its account's root: a function's role need not exist here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from staticfire.edge.http1.messages import Request

from .access_keys import AccessKeys
from .calls import DEFAULT_ACCOUNT, AwsError
from .iam_policy import ALLOW, DENY, Facts, Inquiry, decide
from .identity_policies import IdentityPolicies
from .issued_keys import IssuedKey, IssuedKeys
from .signatures import Signature, check_date, check_scope, check_signature, signature_of

_OF_AWS = re.compile(r"(?:AKIA|ASIA|LKIA|LSIA)[A-Z0-9]{12,}")
INVALID_TOKEN = "The security token included in the request is invalid."


@dataclass(frozen=True, slots=True)
class SignedCaller:
    """A user, a role's session, or an account's root."""

    key: str
    account: str
    arn: str
    user_id: str
    session: IssuedKey | None = None

    @property
    def root(self) -> bool:
        return self.arn.endswith(":root")

    @property
    def identity(self) -> tuple[str, str] | None:
        """What IAM calls the caller: a `User` or a `Role`, by its name."""
        resource = self.arn.split(":", 5)[5]
        kind, _, rest = resource.partition("/")
        if kind == "user":
            return "User", rest.rpartition("/")[2]
        if kind == "assumed-role":
            return "Role", rest.partition("/")[0]
        return None

    @property
    def principals(self) -> tuple[str, ...]:
        """What the policy of a resource may call the caller."""
        names = [self.account, f"arn:aws:iam::{self.account}:root", self.arn]
        identity = self.identity
        if identity is not None and identity[0] == "Role":
            names.append(f"arn:aws:iam::{self.account}:role/{identity[1]}")
        return tuple(names)

    def described(self) -> dict[str, Any]:
        """As `requestContext.authorizer.iam` of events in format 2.0 has it."""
        return {
            "accessKey": self.key,
            "accountId": self.account,
            "callerId": self.user_id,
            "cognitoIdentity": None,
            "principalOrgId": None,
            "userArn": self.arn,
            "userId": self.user_id,
        }


class SignedCallers:
    def __init__(self, access_keys: AccessKeys, issued: IssuedKeys, policies: IdentityPolicies) -> None:
        self._access_keys = access_keys
        self._issued = issued
        self._policies = policies

    def caller(
        self, request: Request, body: bytes, *, service: str, region: str | None = None, now: datetime | None = None
    ) -> SignedCaller:
        """Who signed the request as it was sent (method, path, query, headers). Raises AwsError with AWS's words."""
        signature = signature_of(request)
        if signature is None:
            raise AwsError(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
        check_scope(signature, service, region)
        moment = now or datetime.now(UTC)
        check_date(signature, moment)
        issued = self._issued.get(signature.key)
        if issued is not None:
            return _issued_to(issued, signature, request, body, moment)
        account = self._access_keys.account(signature.key)
        if account:
            if not signature.token:
                raise _unrecognized()
            check_signature(signature, request, body, self._access_keys.secret_of(signature.key))
            return self._function(signature.key, account)
        if _OF_AWS.fullmatch(signature.key):
            raise _unrecognized()
        account = signature.key if len(signature.key) == 12 and signature.key.isdecimal() else DEFAULT_ACCOUNT
        return SignedCaller(signature.key, account, f"arn:aws:iam::{account}:root", account)

    def _function(self, key: str, account: str) -> SignedCaller:
        caller = self._access_keys.caller(key)
        if caller is None:  # of an edge that has ended
            return SignedCaller(key, account, f"arn:aws:iam::{account}:root", account)
        role = caller.role.rpartition("/")[2]
        arn = f"arn:aws:sts::{account}:assumed-role/{role}/{caller.function}"
        return SignedCaller(key, account, arn, caller.function)

    async def allowed(
        self,
        caller: SignedCaller | None,
        action: str,
        resource_arn: str,
        *,
        resource_policy: Mapping[str, Any] | None = None,
        facts: Facts | None = None,
    ) -> bool:
        """Whether policies let the caller do it; of nobody (None), whether the resource's lets anybody.

        `facts` are condition keys in lower case: `aws:sourceip`, `aws:sourcevpce`, `lambda:functionurlauthtype`.
        """
        return await self.refusal(caller, action, resource_arn, resource_policy=resource_policy, facts=facts) is None

    async def refusal(
        self,
        caller: SignedCaller | None,
        action: str,
        resource_arn: str,
        *,
        resource_policy: Mapping[str, Any] | None = None,
        facts: Facts | None = None,
    ) -> AwsError | None:
        """AWS's error where the caller may not, None where they may."""
        principals = caller.principals if caller is not None else ()
        inquiry = Inquiry(action, resource_arn, principals, {**facts_of(caller), **(facts or {})})
        by_resource = decide([resource_policy] if resource_policy else [], inquiry, of_resource=True)
        by_identity = await self._by_identity(caller, inquiry) if caller is not None else None
        if DENY in (by_resource, by_identity):
            return denied(caller, action, resource_arn, " with an explicit deny")
        owner = resource_arn.split(":", 5)[4]
        if caller is None or caller.account == owner:
            may = ALLOW in (by_resource, by_identity)
        else:
            may = by_resource == by_identity == ALLOW
        return None if may else denied(caller, action, resource_arn)

    async def _by_identity(self, caller: SignedCaller, inquiry: Inquiry) -> str | None:
        verdict = await self._of_user_or_role(caller, inquiry)
        session = caller.session
        if verdict == ALLOW and session is not None and (session.policies or session.policy_arns):
            documents = [_json(text) for text in session.policies]
            documents += await self._policies.managed(caller.account, session.policy_arns)
            return decide(documents, inquiry)
        return verdict

    async def _of_user_or_role(self, caller: SignedCaller, inquiry: Inquiry) -> str | None:
        if caller.root or caller.identity is None:
            return ALLOW
        identity = await self._policies.of(caller.account, *caller.identity)
        if identity is None:
            return ALLOW
        verdict = decide(identity.policies, inquiry)
        if verdict == ALLOW and identity.boundary is not None:
            return decide(identity.boundary, inquiry)
        return verdict


def _issued_to(issued: IssuedKey, signature: Signature, request: Request, body: bytes, now: datetime) -> SignedCaller:
    if not issued.active or signature.token != issued.token:
        raise _unrecognized()
    if issued.expires is not None and now.timestamp() > issued.expires:
        raise AwsError(403, "ExpiredTokenException", "The security token included in the request is expired")
    check_signature(signature, request, body, issued.secret)
    return SignedCaller(issued.key, issued.account, issued.arn, issued.user_id, issued)


def facts_of(caller: SignedCaller | None) -> dict[str, str]:
    """The condition keys that follow from who calls."""
    now = datetime.now(UTC)
    facts = {
        "aws:currenttime": now.isoformat(),
        "aws:epochtime": str(int(now.timestamp())),
        "aws:securetransport": "true",  # every endpoint of AWS is
        "aws:viaawsservice": "false",
    }
    if caller is None:
        return facts
    identity = caller.identity
    if identity is not None and identity[0] == "User":
        facts["aws:username"] = identity[1]
    role = identity is not None and identity[0] == "Role"
    return facts | {
        "aws:principalaccount": caller.account,
        "aws:principalarn": f"arn:aws:iam::{caller.account}:role/{identity[1]}" if identity and role else caller.arn,
        "aws:principaltype": "Account" if caller.root else "AssumedRole" if role else "User",
        "aws:userid": caller.user_id,
    }


def denied(caller: SignedCaller | None, action: str, resource_arn: str, why: str = "") -> AwsError:
    """API Gateway shows four digits of the account, as it does not know who reads this."""
    who = caller.arn if caller is not None else "anonymous"
    parts = resource_arn.split(":", 5)
    parts[4] = f"********{parts[4][-4:]}"
    message = f"User: {who} is not authorized to perform: {action} on resource: {':'.join(parts)}{why}"
    return AwsError(403, "AccessDeniedException", message)


def _unrecognized() -> AwsError:
    return AwsError(403, "UnrecognizedClientException", INVALID_TOKEN)


def _json(text: str) -> Mapping[str, Any]:
    document = json.loads(text)
    return document if isinstance(document, dict) else {}
