"""Signatures of AWS's version 4: read from a header or a presigned query, and computed anew with a secret.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html. botocore only signs: what it
leaves out of the headers that a client signed (User-Agent) has to be read here, so the canonical request is ours.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from urllib.parse import parse_qs, quote, unquote

from botocore.utils import normalize_url_path

from staticfire.edge.http1.messages import Request

from .calls import AwsError

ALGORITHM = "AWS4-HMAC-SHA256"
ASYMMETRIC = "AWS4-ECDSA-P256-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
MINUTES = 5
LONGEST_PRESIGNED = 7 * 24 * 60 * 60
_DATE = re.compile(r"\d{8}T\d{6}Z")
_REQUIRED = ("Credential", "Signature", "SignedHeaders")


@dataclass(frozen=True, slots=True)
class Signature:
    """What a request says of its signature. `expires` is a presigned request's, in seconds."""

    key: str
    date: str
    region: str
    service: str
    headers: tuple[str, ...]
    signature: str
    stamp: str
    token: str
    expires: int | None = None

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def signature_of(request: Request) -> Signature | None:
    """How the request is signed; None if nobody signed it. Raises AwsError where AWS could not read it."""
    authorization = request.headers.get("authorization")
    if authorization:
        return _of_header(request, authorization)
    if "X-Amz-Algorithm=" in request.query or "X-Amz-Signature=" in request.query:
        return _of_query(request)
    return None


def _of_header(request: Request, authorization: str) -> Signature:
    algorithm, _, rest = authorization.strip().partition(" ")
    _check_algorithm(algorithm)
    parts = {}
    for part in rest.split(","):
        name, equals, value = part.strip().partition("=")
        if not equals:
            raise incomplete(
                f"'{part.strip()}' not a valid key=value pair (missing equal-sign) in Authorization header: "
                f"'{authorization}'."
            )
        parts[name] = value
    headers = request.headers
    problems = [f"Authorization header requires '{name}' parameter." for name in _REQUIRED if not parts.get(name)]
    if not headers.get("x-amz-date") and not headers.get("date"):
        problems.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    if problems:
        raise incomplete(f"{' '.join(problems)} Authorization={algorithm}")
    stamp = headers.get("x-amz-date") or _basic(headers.get("date"))
    return _signature(parts, stamp, headers.get("x-amz-security-token"))


def _of_query(request: Request) -> Signature:
    query = {name: values[0] for name, values in parse_qs(request.query, keep_blank_values=True).items()}
    _check_algorithm(query.get("X-Amz-Algorithm", ""))
    wanting = [name for name in (*_REQUIRED, "Date", "Expires") if not query.get(f"X-Amz-{name}")]
    if wanting:
        raise incomplete(
            " ".join(f"AWS query-string parameters must include 'X-Amz-{name}'." for name in wanting)
            + " Re-examine the query-string parameters."
        )
    parts = {name: query[f"X-Amz-{name}"] for name in _REQUIRED}
    expires = query["X-Amz-Expires"]
    if not expires.isascii() or not expires.isdecimal() or len(expires) > 9:
        raise incomplete("X-Amz-Expires should be a number.")
    if int(expires) > LONGEST_PRESIGNED:
        raise incomplete(
            f"X-Amz-Expires must be less than a week (in seconds); that is, less than {LONGEST_PRESIGNED}."
        )
    return _signature(parts, query["X-Amz-Date"], query.get("X-Amz-Security-Token", ""), int(expires))


def _check_algorithm(algorithm: str) -> None:
    if algorithm == ASYMMETRIC:
        raise incomplete(f"Signatures of SigV4A ({ASYMMETRIC}) are not verified here: sign with {ALGORITHM}.")
    if algorithm != ALGORITHM:
        raise incomplete(f"Unsupported AWS 'algorithm': '{algorithm}'.")


def _signature(parts: dict[str, str], stamp: str, token: str, expires: int | None = None) -> Signature:
    credential = parts["Credential"].split("/")
    if len(credential) != 5 or credential[4] != "aws4_request":
        raise incomplete(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
            f"got '{parts['Credential']}'"
        )
    key, date, region, service, _ = credential
    if _DATE.fullmatch(stamp) is None:
        raise incomplete(
            f"Date must be in ISO-8601 'basic format'. Got '{stamp}'. See http://en.wikipedia.org/wiki/ISO_8601"
        )
    headers = tuple(parts["SignedHeaders"].lower().split(";"))
    return Signature(key, date, region, service, headers, parts["Signature"], stamp, token, expires)


def _basic(date: str) -> str:
    """An HTTP date as the signature has it; what is none stays, and is refused as such."""
    try:
        return parsedate_to_datetime(date).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    except ValueError:
        return date


def check_scope(signature: Signature, service: str, region: str | None) -> None:
    """It is signed for this service, this region and the day that it names."""
    problems = []
    if region is not None and signature.region != region:
        problems.append(f"Credential should be scoped to a valid region, not '{signature.region}'.")
    if signature.service != service:
        problems.append(f"Credential should be scoped to correct service: '{service}'.")
    if not signature.stamp.startswith(signature.date):
        day = signature.stamp[:8]
        problems.append(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{signature.date}' != '{day}', from '{signature.stamp}'."
        )
    if "host" not in signature.headers:
        problems.append("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    if problems:
        raise invalid(" ".join(problems))


def check_date(signature: Signature, now: datetime) -> None:
    """It is from these minutes, or presigned for them."""
    try:
        signed = datetime.strptime(signature.stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise incomplete(f"Date must be in ISO-8601 'basic format'. Got '{signature.stamp}'.") from error
    skew = timedelta(minutes=MINUTES)
    if signed > now + skew:
        raise invalid(
            f"Signature not yet current: {signature.stamp} is still later than {_told(now + skew)} "
            f"({_told(now)} + {MINUTES} min.)"
        )
    if signature.expires is not None:
        until = signed + timedelta(seconds=signature.expires)
        if now > until:
            raise invalid(f"Signature expired: {_told(until)} is now earlier than {_told(now)}")
    elif signed < now - skew:
        raise invalid(
            f"Signature expired: {signature.stamp} is now earlier than {_told(now - skew)} "
            f"({_told(now)} - {MINUTES} min.)"
        )


def check_signature(signature: Signature, request: Request, body: bytes, secret: str) -> None:
    """It is the one that whoever has the secret makes of this request."""
    digest = _payload(signature, request, body)
    key = _signing_key(secret, signature.date, signature.region, signature.service)
    texts = []
    for query in _queries(signature, request.query):
        canonical = _canonical(signature, request, query, digest)
        to_sign = "\n".join(
            (
                ALGORITHM,
                signature.stamp,
                signature.scope,
                hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest(),
            )
        )
        made = hmac.new(key, to_sign.encode(), "sha256").hexdigest()
        if hmac.compare_digest(made.encode(), signature.signature.encode("utf-8", "replace")):
            return
        texts.append((canonical, to_sign))
    canonical, to_sign = texts[0]
    raise invalid(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
        "Key and signing method. Consult the service documentation for details.\n\nThe Canonical String for this "
        f"request should have been\n'{canonical}'\n\nThe String-to-Sign should have been\n'{to_sign}'\n"
    )


def _payload(signature: Signature, request: Request, body: bytes) -> str:
    """The hash that is signed: the client's word of it only where it says that it signed none."""
    digest = request.headers.get("x-amz-content-sha256")
    if not digest and signature.expires is not None:
        digest = parse_qs(request.query).get("X-Amz-Content-Sha256", [""])[0]
    return UNSIGNED if digest == UNSIGNED else hashlib.sha256(body).hexdigest()


def _canonical(signature: Signature, request: Request, query: str, digest: str) -> str:
    # All services but S3 take the path as it is sent, and encode it once more.
    path = quote(normalize_url_path(request.path), safe="/~", encoding="latin-1")
    headers = "".join(
        f"{name}:{','.join(re.sub(' +', ' ', value.strip()) for value in request.headers.getall(name))}\n"
        for name in signature.headers
    )
    return "\n".join((request.method, path, query, headers, ";".join(signature.headers), digest))


def _queries(signature: Signature, query: str) -> list[str]:
    """The query in order: encoded anew as the rules say, and as it was sent, which most clients sign."""
    pairs = [(name, value) for name, _, value in (part.partition("=") for part in query.split("&") if part)]
    if signature.expires is not None:
        pairs = [(name, value) for name, value in pairs if name != "X-Amz-Signature"]
    anew = [(_encoded(name), _encoded(value)) for name, value in pairs]
    texts = ["&".join(f"{name}={value}" for name, value in sorted(some)) for some in (anew, pairs)]
    return texts[:1] if texts[0] == texts[1] else texts


def _encoded(text: str) -> str:
    return quote(unquote(text, "latin-1"), safe="-_.~", encoding="latin-1")


@lru_cache(1024)
def _signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _told(moment: datetime) -> str:
    return moment.strftime("%Y%m%dT%H%M%SZ")


def invalid(message: str) -> AwsError:
    return AwsError(403, "InvalidSignatureException", message)


def incomplete(message: str) -> AwsError:
    return AwsError(403, "IncompleteSignatureException", message)
