"""The event of a request to a function URL: payload format 2.0, with what a URL has in an API's place.

https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads
"""

from __future__ import annotations

import base64
import time
from typing import Any
from urllib.parse import parse_qsl

from staticfire.edge.aws.signed_callers import SignedCaller
from staticfire.edge.http1.hop_by_hop import HOP_BY_HOP
from staticfire.edge.http1.messages import Request
from staticfire.edge.services.apigateway.http.event import encode, is_text

# What AWS tells of the TLS that every URL of its own has.
TLS = {"x-amzn-tls-cipher-suite": "TLS_AES_128_GCM_SHA256", "x-amzn-tls-version": "TLSv1.3"}


def event(
    request: Request,
    body: bytes,
    *,
    url_id: str,
    domain: str,
    path: str,
    request_id: str,
    trace_id: str,
    signer: SignedCaller | None,
    port: str,
) -> bytes:
    headers, cookies = _headers(request, body, domain, trace_id, port)
    now = time.time()
    context: dict[str, Any] = {"accountId": signer.account if signer else "anonymous", "apiId": url_id}
    if signer is not None:
        context["authorizer"] = {"iam": signer.described()}
    context |= {
        "domainName": domain,
        "domainPrefix": url_id,
        "http": {
            "method": request.method,
            "path": path,
            "protocol": f"HTTP/{request.http_version}",
            "sourceIp": request.peer,
            "userAgent": request.headers.get("user-agent"),
        },
        "requestId": request_id,
        "routeKey": "$default",
        "stage": "$default",
        "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
        "timeEpoch": int(now * 1000),
    }
    document: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": request.query,
    }
    if cookies:
        document["cookies"] = cookies
    document["headers"] = headers
    if request.query:
        document["queryStringParameters"] = _joined(request.query)
    document["requestContext"] = context
    if body:
        document["body"], document["isBase64Encoded"] = _text(request, body)
    else:
        document["isBase64Encoded"] = False
    return encode(document)


def _headers(request: Request, body: bytes, domain: str, trace_id: str, port: str) -> tuple[dict[str, str], list[str]]:
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for name, value in request.headers:
        if name in HOP_BY_HOP or name == "expect":
            continue
        if name == "cookie":
            cookies += [cookie for cookie in value.split("; ") if cookie]
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    if body:
        headers["content-length"] = str(len(body))
    forwarded = request.headers.get("x-forwarded-for")
    headers |= {
        "host": domain,
        "x-amzn-trace-id": trace_id,
        "x-forwarded-for": f"{forwarded}, {request.peer}" if forwarded else request.peer,
        "x-forwarded-port": port,
        "x-forwarded-proto": "http",
        **TLS,
    }
    return headers, cookies


def _joined(query: str) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _text(request: Request, body: bytes) -> tuple[str, bool]:
    if is_text(request.headers.get("content-type")) and "content-encoding" not in request.headers:
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass  # declared as text, but it is not: its bytes must survive
    return base64.b64encode(body).decode(), True
