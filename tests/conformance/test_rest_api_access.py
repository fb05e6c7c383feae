"""REST APIs: who may call, how often, with what."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.conformance.fidelity import documented
from tests.conformance.lab import Answer, Lab, eventually
from tests.conformance.rest_lab import Rest

AREA = "REST API: access"
LAMBDA = "apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html"
OUTPUT = "apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html"
COGNITO = "apigateway/latest/developerguide/apigateway-integrate-with-cognito.html"
IAM = "apigateway/latest/developerguide/permissions.html"
POLICY = "apigateway/latest/developerguide/apigateway-authorization-flow.html"
KEYS = "apigateway/latest/developerguide/api-gateway-api-usage-plans.html"
SOURCE = "apigateway/latest/developerguide/api-gateway-api-key-source.html"
THROTTLE = "apigateway/latest/developerguide/api-gateway-request-throttling.html"
VALIDATION = "apigateway/latest/developerguide/api-gateway-method-request-validation.html"

AUTHORIZER = """
    import json, uuid

    def handler(event, context):
        token = event.get("authorizationToken") or event["headers"].get("X-Who", "")
        if token == "nobody":
            raise Exception("Unauthorized")
        if token == "broken":
            return {"principalId": "x"}
        effect = "Deny" if token == "deny" else "Allow"
        resource = event["methodArn"] if token != "narrow" else event["methodArn"].rpartition("/")[0] + "/one"
        return {
            "principalId": token,
            "policyDocument": {
                "Version": "2012-10-17",
                "Statement": [{"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}],
            },
            "context": {"call": str(uuid.uuid4()), "number": 7, "yes": True, "kind": event["type"]},
            "usageIdentifierKey": token + "-key-of-twenty-characters",
        }
"""


@pytest.fixture(scope="module")
def authorizer(lab: Lab) -> str:
    return lab.function(AUTHORIZER)


def _guarded(lab: Lab, echo: str, authorizer: str, kind: str, ttl: int = 300, **more: Any) -> Rest:
    api = Rest(lab)
    made = api.client.create_authorizer(
        restApiId=api.id,
        name="guard",
        type=kind,
        authorizerUri=api.function_uri(authorizer),
        authorizerResultTtlInSeconds=ttl,
        **more,
    )
    method = {"authorizationType": "CUSTOM", "authorizerId": made["id"]}
    api.proxy("GET /one", echo, method=method)
    api.proxy("GET /two", echo, method=method)
    api.permit(echo)
    api.permit(authorizer, f"arn:aws:execute-api:{lab.region}:{lab.account}:{api.id}/authorizers/{made['id']}")
    api.deploy()
    return api


@documented(
    AREA,
    "TOKEN: a valid token is shown to the function; its policy decides, its context reaches the method as text",
    LAMBDA,
)
def test_token(lab: Lab, echo: str, authorizer: str) -> None:
    source: dict[str, Any] = {
        "identitySource": "method.request.header.Authorization",
        "identityValidationExpression": "[a-z]+",
    }
    api = _guarded(lab, echo, authorizer, "TOKEN", **source)

    def get(token: str, path: str = "/one") -> Answer:
        return api.get(path, {"authorization": token} if token else {})

    allowed = get("allow").json()["requestContext"]["authorizer"]
    assert (allowed["principalId"], allowed["number"], allowed["yes"], allowed["kind"]) == (
        "allow",
        "7",
        "true",
        "TOKEN",
    )
    for token in ("", "NOT VALID 7", "nobody"):
        refused = get(token)
        assert (refused.status, refused.json()) == (401, {"message": "Unauthorized"}), token
        assert refused.headers["x-amzn-ErrorType"] == "UnauthorizedException"
    denied = get("deny")
    assert (denied.status, denied.json()) == (
        403,
        {"Message": "User is not authorized to access this resource with an explicit deny"},
    )
    broken = get("broken")
    assert (broken.status, broken.json()) == (500, {"message": None})
    assert broken.headers["x-amzn-ErrorType"] == "AuthorizerConfigurationException"


@documented(AREA, "Answers are kept by identity source for the TTL, and their policy is asked for each method", OUTPUT)
def test_cached_answers(lab: Lab, echo: str, authorizer: str) -> None:
    api = _guarded(lab, echo, authorizer, "REQUEST", identitySource="method.request.header.X-Who")

    def call(who: str, path: str = "/one") -> Any:
        answer = api.get(path, {"X-Who": who})
        return answer.json()["requestContext"]["authorizer"]["call"] if answer.status == 200 else answer.json()

    assert call("me") == call("me")
    assert call("me", "/two") == {"Message": "User is not authorized to access this resource"}
    assert call("narrow", "/two") == {"Message": "User is not authorized to access this resource"}
    assert isinstance(call("narrow", "/one"), str)
    assert api.get("/one").status == 401
    fresh = _guarded(lab, echo, authorizer, "REQUEST", 0, identitySource="method.request.header.X-Who")
    calls = {fresh.get("/one", {"X-Who": "me"}).json()["requestContext"]["authorizer"]["call"] for _ in range(2)}
    assert len(calls) == 2


@documented(
    AREA, "COGNITO_USER_POOLS: an identity token of the pool, an access token where the method has scopes", COGNITO
)
def test_cognito(lab: Lab, echo: str) -> None:
    client = lab.aws("cognito-idp")
    pool = client.create_user_pool(PoolName=lab.name("pool"))["UserPool"]
    app = client.create_user_pool_client(
        UserPoolId=pool["Id"], ClientName="c", ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
    )["UserPoolClient"]["ClientId"]
    client.admin_create_user(UserPoolId=pool["Id"], Username="ann", MessageAction="SUPPRESS")
    client.admin_set_user_password(UserPoolId=pool["Id"], Username="ann", Password="Passw0rd!xyz", Permanent=True)
    tokens = client.admin_initiate_auth(
        UserPoolId=pool["Id"],
        ClientId=app,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ann", "PASSWORD": "Passw0rd!xyz"},
    )["AuthenticationResult"]
    api = Rest(lab)
    made = api.client.create_authorizer(
        restApiId=api.id,
        name="pool",
        type="COGNITO_USER_POOLS",
        providerARNs=[pool["Arn"]],
        identitySource="method.request.header.Authorization",
    )
    method: dict[str, Any] = {"authorizationType": "COGNITO_USER_POOLS", "authorizerId": made["id"]}
    api.proxy("GET /id", echo, method=method)
    api.proxy("GET /scoped", echo, method={**method, "authorizationScopes": ["aws.cognito.signin.user.admin"]})
    api.proxy("GET /other", echo, method={**method, "authorizationScopes": ["nobody/has"]})
    api.permit(echo)
    api.deploy()
    answer = api.get("/id", {"authorization": f"Bearer {tokens['IdToken']}"})
    assert answer.status == 200, answer.body
    claims = answer.json()["requestContext"]["authorizer"]["claims"]
    assert (claims["token_use"], claims["cognito:username"]) == ("id", "ann")
    assert api.get("/scoped", {"authorization": tokens["AccessToken"]}).status == 200
    head, body, signature = tokens["IdToken"].split(".")
    forged = f"{head}.{body}.{signature[:-8]}AAAAAAAA"
    for path, token in (
        ("/id", ""),
        ("/id", "nonsense"),
        ("/id", forged),
        ("/id", tokens["AccessToken"]),
        ("/scoped", tokens["IdToken"]),
        ("/other", tokens["AccessToken"]),
    ):
        refused = api.get(path, {"authorization": token})
        assert (refused.status, refused.json()) == (401, {"message": "Unauthorized"}), (path, token[:10])


def _signed(api: Rest, path: str, key: str, secret: str) -> Answer:
    request = AWSRequest("GET", api.url + path)
    SigV4Auth(Credentials(key, secret), "execute-api", api.lab.region).add_auth(request)
    return api.get(path, dict(request.headers.items()))


@documented(AREA, "AWS_IAM: the signature is verified and the caller's policies are asked", IAM)
def test_iam(lab: Lab, echo: str) -> None:
    iam = lab.aws("iam")
    user = lab.name("user")
    iam.create_user(UserName=user)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    api = Rest(lab)
    for path in ("/one", "/two"):
        api.proxy(f"GET {path}", echo, method={"authorizationType": "AWS_IAM"})
    api.permit(echo)
    api.deploy()
    statement = {
        "Effect": "Allow",
        "Action": "execute-api:Invoke",
        "Resource": f"arn:aws:execute-api:{lab.region}:{lab.account}:{api.id}/prod/GET/one",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=policy)
    credentials = (key["AccessKeyId"], key["SecretAccessKey"])
    allowed = eventually(lambda: (answer := _signed(api, "/one", *credentials)).status == 200 and answer, "an answer")
    identity = allowed.json()["requestContext"]["identity"]
    assert (identity["accessKey"], identity["userArn"]) == (
        key["AccessKeyId"],
        f"arn:aws:iam::{lab.account}:user/{user}",
    )
    denied = _signed(api, "/two", *credentials)
    assert denied.status == 403
    assert denied.json()["Message"].startswith(
        f"User: arn:aws:iam::{lab.account}:user/{user} is not authorized to perform"
    )
    unsigned = api.get("/one")
    assert (unsigned.status, unsigned.json()) == (403, {"message": "Missing Authentication Token"})
    assert _signed(api, "/one", key["AccessKeyId"], "wrong").status == 403


@documented(
    AREA,
    "A resource policy is asked first: an explicit Deny ends it, and where nobody else decides it must allow",
    POLICY,
)
def test_resource_policies(lab: Lab, client_ip: str) -> None:
    def policy(*statements: dict[str, Any]) -> str:
        common = {"Principal": "*", "Action": "execute-api:Invoke"}
        return json.dumps({"Version": "2012-10-17", "Statement": [{**common, **one} for one in statements]})

    allow = {"Effect": "Allow", "Resource": "execute-api:/*"}
    here = {"Condition": {"IpAddress": {"aws:SourceIp": client_ip}}}
    elsewhere = {"Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}}
    api = Rest(lab, policy=policy(allow, {"Effect": "Deny", "Resource": "execute-api:/*/GET/closed", **here}))
    api.mock("GET /open", "open")
    api.mock("GET /closed", "closed")
    api.deploy()
    assert (api.get("/open").status, api.get("/open").body) == (200, b"open")
    refused = api.get("/closed")
    assert refused.status == 403
    assert refused.json()["Message"].endswith(":" + api.id + "/prod/GET/closed with an explicit deny")
    assert refused.headers["x-amzn-ErrorType"] == "AccessDeniedException"
    narrow = Rest(lab, policy=policy({**allow, **elsewhere}))
    narrow.mock("GET /", "")
    narrow.deploy()
    assert narrow.get("/").status == 403


@documented(AREA, "A method that wants an API key wants one of a usage plan of its stage", KEYS)
def test_api_keys(lab: Lab) -> None:
    api = Rest(lab)
    api.mock("GET /", "$context.identity.apiKeyId", apiKeyRequired=True)
    api.deploy()
    client = api.client
    key = client.create_api_key(name=lab.name("key"), enabled=True)
    plan = client.create_usage_plan(
        name=lab.name("plan"),
        apiStages=[{"apiId": api.id, "stage": "prod"}],
        quota={"limit": 3, "period": "DAY"},
    )
    forbidden = (403, {"message": "Forbidden"})
    shown = {"x-api-key": key["value"]}
    for headers in ({}, {"x-api-key": "nonsense"}, shown):
        answer = api.get("/", headers)
        assert (answer.status, answer.json()) == forbidden
    client.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")
    assert [api.get("/", shown).status for _ in range(3)] == [200] * 3
    over = api.get("/", shown)
    assert (over.status, over.json()) == (429, {"message": "Limit Exceeded"})
    assert over.headers["x-amzn-ErrorType"] == "LimitExceededException"
    client.update_api_key(apiKey=key["id"], patchOperations=[{"op": "replace", "path": "/enabled", "value": "false"}])
    disabled = api.get("/", shown)
    assert (disabled.status, disabled.json()) == forbidden


@documented(AREA, "With the key source AUTHORIZER the authorizer says whose key it is", SOURCE)
def test_keys_of_authorizers(lab: Lab, echo: str, authorizer: str) -> None:
    api = Rest(lab, apiKeySource="AUTHORIZER")
    made = api.client.create_authorizer(
        restApiId=api.id,
        name="guard",
        type="TOKEN",
        authorizerUri=api.function_uri(authorizer),
        identitySource="method.request.header.Authorization",
    )
    method = {"authorizationType": "CUSTOM", "authorizerId": made["id"], "apiKeyRequired": True}
    api.proxy("GET /", echo, method=method)
    api.permit(echo)
    api.permit(authorizer, f"arn:aws:execute-api:{lab.region}:{lab.account}:{api.id}/authorizers/{made['id']}")
    api.deploy()
    value = f"{lab.name('k').replace('-', '')}"
    key = api.client.create_api_key(name="k", enabled=True, value=f"{value}-key-of-twenty-characters")
    plan = api.client.create_usage_plan(name=lab.name("plan"), apiStages=[{"apiId": api.id, "stage": "prod"}])
    api.client.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")
    assert api.get("/", {"authorization": value}).json()["requestContext"]["identity"]["apiKeyId"] == key["id"]
    assert api.get("/", {"authorization": "another"}).status == 403


@documented(AREA, "A stage's method settings throttle its methods: 429", THROTTLE)
def test_throttling(lab: Lab) -> None:
    api = Rest(lab)
    api.mock("GET /slow", "")
    api.mock("GET /free", "")
    api.deploy()
    api.update_stage(
        ("replace", "/~1slow/GET/throttling/rateLimit", "1"), ("replace", "/~1slow/GET/throttling/burstLimit", "2")
    )
    answers = [api.get("/slow") for _ in range(6)]
    refused = [answer for answer in answers if answer.status == 429]
    assert answers[0].status == 200
    assert refused
    assert refused[0].json() == {"message": "Too Many Requests"}
    assert [api.get("/free").status for _ in range(6)] == [200] * 6


MODEL = {
    "$schema": "http://json-schema.org/draft-04/schema#",
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string", "pattern": "^[a-z]+$"}, "age": {"type": "integer", "minimum": 0}},
}


@documented(
    AREA,
    "A validator asks for required parameters and for a body of the method's model",
    "apigateway/latest/developerguide/api-gateway-method-request-validation.html",
)
def test_validation(lab: Lab) -> None:
    api = Rest(lab)
    client = api.client
    client.create_model(restApiId=api.id, name="Person", contentType="application/json", schema=json.dumps(MODEL))
    of_people = {
        "type": "array",
        "items": {"$ref": f"https://apigateway.amazonaws.com/restapis/{api.id}/models/Person"},
    }
    client.create_model(restApiId=api.id, name="People", contentType="application/json", schema=json.dumps(of_people))
    validator = client.create_request_validator(
        restApiId=api.id, name="v", validateRequestBody=True, validateRequestParameters=True
    )["id"]
    api.mock(
        "POST /",
        "",
        requestValidatorId=validator,
        requestParameters={"method.request.querystring.q": True, "method.request.header.x-own": True},
        requestModels={"application/json": "Person"},
    )
    api.mock("POST /people", "", requestValidatorId=validator, requestModels={"application/json": "People"})
    api.deploy()
    kind = {"content-type": "application/json"}
    missing = api.send("POST", "/", kind, "{}")
    assert (missing.status, missing.json()) == (400, {"message": "Missing required request parameters: [x-own, q]"})
    whole = {**kind, "x-own": "1"}
    assert api.send("POST", "/?q=1", whole, '{"name": "ann", "age": 3}').status == 200
    for body in ("{}", '{"name": "Ann"}', '{"name": "ann", "age": -1}', "[]", "nonsense"):
        refused = api.send("POST", "/?q=1", whole, body)
        assert (refused.status, refused.json()) == (400, {"message": "Invalid request body"}), body
        assert refused.headers["x-amzn-ErrorType"] == "BadRequestException"
    assert api.send("POST", "/people", kind, '[{"name": "ann"}]').status == 200
    assert api.send("POST", "/people", kind, '[{"name": 1}]').status == 400
