"""WebSocket APIs: who may connect, and `@connections` with signed calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.conformance.fidelity import documented
from tests.conformance.lab import Lab, eventually, send
from tests.conformance.rooms import Room, asked, deployed, end_of, permit, room

AREA = "WebSocket API: access"
GUIDE = "apigateway/latest/developerguide/"
LAMBDA = f"{GUIDE}apigateway-websocket-api-lambda-auth.html"
IAM = f"{GUIDE}apigateway-websocket-control-access-iam.html"
KEYS = f"{GUIDE}websocket-api-protect.html"
CONNECTIONS = f"{GUIDE}apigateway-how-to-call-websocket-api-connections.html"

GATE = """
    def handler(event, context):
        word = (event.get("queryStringParameters") or {}).get("word")
        if word == "nobody":
            raise Exception("Unauthorized")
        if word == "broken":
            raise Exception("broken")
        statement = {"Action": "execute-api:Invoke", "Resource": event["methodArn"],
                     "Effect": "Allow" if word == "sesame" else "Deny"}
        return {"principalId": "ann", "context": {"room": 7, "kind": event["type"]},
                "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
"""


@pytest.fixture(scope="module")
def says(lab: Lab) -> Room:
    return room(lab)


@pytest.fixture(scope="module")
def gated(lab: Lab, says: Room) -> Room:
    client = lab.aws("apigatewayv2")
    gate = lab.function(GATE)
    made = room(lab, function=says.function)
    uri = f"arn:aws:apigateway:{lab.region}:lambda:path/2015-03-31/functions/{lab.arn(gate)}/invocations"
    authorizer = client.create_authorizer(
        ApiId=made.api,
        Name="gate",
        AuthorizerType="REQUEST",
        AuthorizerUri=uri,
        IdentitySource=["route.request.querystring.word"],
    )["AuthorizerId"]
    permit(lab, gate, made.api)
    (route,) = [one for one in client.get_routes(ApiId=made.api)["Items"] if one["RouteKey"] == "$connect"]
    client.update_route(ApiId=made.api, RouteId=route["RouteId"], AuthorizationType="CUSTOM", AuthorizerId=authorizer)
    deployed(lab, made.api, "gated")
    return Room(lab, made.api, "gated", says.function)


@documented(AREA, "An authorizer lets a client in, and every event tells its context", LAMBDA)
def test_authorized(gated: Room) -> None:
    with gated.joined("word=sesame") as client:
        authorizer = asked(client, {"action": "say"})["requestContext"]["authorizer"]
    assert (authorizer["principalId"], authorizer["room"], authorizer["kind"]) == ("ann", 7, "REQUEST")


@pytest.mark.parametrize(("query", "status"), [("", 401), ("word=nobody", 401), ("word=no", 403), ("word=broken", 500)])
@documented(AREA, "No identity source or `Unauthorized` is 401, a denial 403, a failing authorizer 500", LAMBDA)
def test_not_authorized(gated: Room, query: str, status: int) -> None:
    assert gated.refused(query)[0] == status


@pytest.fixture(scope="module")
def closed(lab: Lab, says: Room) -> Room:
    return room(lab, function=says.function, connect={"AuthorizationType": "AWS_IAM"})


def key_of_user(lab: Lab, *statements: dict[str, Any]) -> tuple[str, str]:
    """A new user's access key; the user may do what the statements say."""
    iam, name = lab.aws("iam"), lab.name("user")
    iam.create_user(UserName=name)
    if statements:
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        iam.put_user_policy(UserName=name, PolicyName="may", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def may(action: str, resource: str = "*") -> dict[str, Any]:
    return {"Effect": "Allow", "Action": f"execute-api:{action}", "Resource": resource}


def signed(room: Room, key: str, secret: str, token: str | None = None) -> dict[str, str]:
    """Headers of a handshake that is signed."""
    request = AWSRequest("GET", room.management_url, {"host": room.lab.netloc})
    SigV4Auth(Credentials(key, secret, token), "execute-api", room.lab.region).add_auth(request)
    return {name: value for name, value in request.headers.items() if name != "host"}


def presigned(room: Room, key: str, secret: str) -> str:
    request = AWSRequest("GET", room.management_url, {"host": room.lab.netloc})
    SigV4QueryAuth(Credentials(key, secret), "execute-api", room.lab.region, 60).add_auth(request)
    return str(request.url)


@documented(AREA, "With AWS_IAM a signature is verified with the key's secret, in headers or presigned", IAM)
def test_signed_handshakes(lab: Lab, closed: Room) -> None:
    key, secret = key_of_user(lab, may("Invoke", f"arn:aws:execute-api:*:*:{closed.api}/*/$connect"))
    with closed.joined(headers=signed(closed, key, secret)) as client:
        identity = asked(client, "hello")["requestContext"]["identity"]
    assert (identity["accessKey"], identity["accountId"]) == (key, lab.account)
    assert ":user/" in identity["userArn"]
    with closed.joined(url=presigned(closed, key, secret)) as client:
        assert asked(client, "hello")["requestContext"]["identity"]["accessKey"] == key
    assert closed.refused(url=presigned(closed, key, "guessed"))[0] == 403
    status, body = closed.refused(headers=signed(closed, key, "guessed"))
    assert status == 403
    assert body["message"].startswith("The request signature we calculated does not match the signature you provided.")


@documented(AREA, "With AWS_IAM a handshake that nobody signed is 403 Missing Authentication Token", IAM)
def test_unsigned_handshake(closed: Room) -> None:
    status, body = closed.refused()
    assert (status, body["message"]) == (403, "Missing Authentication Token")


@documented(AREA, "Whom no policy allows `execute-api:Invoke` is 403, and told so", IAM)
def test_policies_of_handshakes(lab: Lab, closed: Room) -> None:
    status, body = closed.refused(headers=signed(closed, *key_of_user(lab, may("ManageConnections"))))
    assert status == 403
    assert "is not authorized to perform: execute-api:Invoke on resource: " in body["message"]


@documented(AREA, "A role's session is verified with its secret and its token, and has the role's policies", IAM)
def test_assumed_roles(lab: Lab, closed: Room) -> None:
    iam, name = lab.aws("iam"), lab.name("role")
    trust = {"Effect": "Allow", "Principal": {"AWS": lab.account}, "Action": "sts:AssumeRole"}
    arn = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )["Role"]["Arn"]

    def session() -> tuple[str, str, str]:
        got = lab.aws("sts").assume_role(RoleArn=arn, RoleSessionName="me")["Credentials"]
        return got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"]

    key, secret, token = session()
    assert closed.refused(headers=signed(closed, key, secret, token))[0] == 403
    document = json.dumps({"Version": "2012-10-17", "Statement": [may("Invoke")]})
    iam.put_role_policy(RoleName=name, PolicyName="may", PolicyDocument=document)
    with closed.joined(headers=signed(closed, key, secret, token)) as client:
        identity = asked(client, "hello")["requestContext"]["identity"]
    assert identity["userArn"].endswith(f":assumed-role/{name}/me")
    assert closed.refused(headers=signed(closed, key, secret, "another"))[0] == 403


@documented(AREA, "A key that IAM has deleted signs nothing any more", IAM)
def test_deleted_keys(lab: Lab, closed: Room) -> None:
    key, secret = key_of_user(lab, may("Invoke"))
    user = lab.aws("iam").get_access_key_last_used(AccessKeyId=key)["UserName"]
    lab.aws("iam").delete_access_key(UserName=user, AccessKeyId=key)
    status, body = closed.refused(headers=signed(closed, key, secret))
    assert (status, body["message"]) == (403, "The security token included in the request is invalid.")


def error_of(call: Callable[[], object]) -> tuple[int, str]:
    """Status and code of the error that boto3 raises."""
    with pytest.raises(ClientError) as error:
        call()
    response = error.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


@documented(AREA, "`@connections`: POST sends to a client, GET tells of it, DELETE ends its connection", CONNECTIONS)
def test_connections(says: Room) -> None:
    management = says.management()
    with says.joined(user_agent_header="me/1") as client:
        connection = asked(client, "hello")["requestContext"]["connectionId"]
        management.post_to_connection(ConnectionId=connection, Data='{"héllo": 1}'.encode())
        assert client.recv(timeout=60) == '{"héllo": 1}'
        described = management.get_connection(ConnectionId=connection)
        assert described["Identity"]["UserAgent"] == "me/1"
        assert described["ConnectedAt"] <= described["LastActiveAt"]
        management.delete_connection(ConnectionId=connection)
        assert end_of(client)[0] == 1000
    eventually(
        lambda: error_of(lambda: management.get_connection(ConnectionId=connection)) == (410, "GoneException"),
        "a connection that is gone",
    )
    assert error_of(lambda: management.post_to_connection(ConnectionId=connection, Data=b"x")) == (410, "GoneException")


@documented(AREA, "`@connections` takes 128 KB at the most: 413 PayloadTooLargeException", CONNECTIONS)
def test_long_payloads(says: Room) -> None:
    management = says.management()
    with says.joined() as client:
        connection = asked(client, "hello")["requestContext"]["connectionId"]
        management.post_to_connection(ConnectionId=connection, Data=b"x" * 128 * 1024)
        assert len(client.recv(timeout=60)) == 128 * 1024

        def longer() -> None:
            management.post_to_connection(ConnectionId=connection, Data=b"x" * (128 * 1024 + 1))

        assert error_of(longer) == (413, "PayloadTooLargeException")


@documented(AREA, "`@connections` wants a signature, verified, and `execute-api:ManageConnections`", CONNECTIONS)
def test_signed_calls(lab: Lab, says: Room) -> None:
    with says.joined() as client:
        connection = asked(client, "hello")["requestContext"]["connectionId"]
        path = f"{says.management_url}/@connections/{connection.replace('=', '%3D')}"
        unsigned = send("POST", path, body=b"x")
        assert (unsigned.status, unsigned.json()) == (403, {"message": "Missing Authentication Token"})
        key, secret = key_of_user(lab, may("ManageConnections", f"arn:aws:execute-api:*:*:{says.api}/prod/POST/*"))
        says.management(key, secret).post_to_connection(ConnectionId=connection, Data=b"x")
        assert client.recv(timeout=60) == "x"

        def post(key: str, secret: str) -> Callable[[], object]:
            return lambda: says.management(key, secret).post_to_connection(ConnectionId=connection, Data=b"x")

        def get() -> object:
            return says.management(key, secret).get_connection(ConnectionId=connection)

        assert error_of(post(key, "guessed")) == (403, "InvalidSignatureException")
        assert error_of(get) == (403, "AccessDeniedException")
        assert error_of(post(*key_of_user(lab))) == (403, "AccessDeniedException")


@documented(AREA, "A function's role may send to clients with `execute-api:ManageConnections`", CONNECTIONS)
def test_a_function_sends(lab: Lab) -> None:
    source = """
        import json, os, boto3

        def handler(event, context):
            context = event["requestContext"]
            if context["routeKey"] == "say":
                endpoint = os.environ.get("AWS_ENDPOINT_URL") or f"https://{context['domainName']}/{context['stage']}"
                client = boto3.client("apigatewaymanagementapi", endpoint_url=endpoint)
                try:
                    client.post_to_connection(ConnectionId=context["connectionId"], Data=event["body"].upper().encode())
                except client.exceptions.ClientError as error:
                    return {"statusCode": 200, "body": json.dumps(error.response["Error"])}
            return {"statusCode": 200}
    """
    iam, name = lab.aws("iam"), lab.name("role")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    arn = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )["Role"]["Arn"]
    function = lab.function(source, Role=arn)
    chat = room(lab, function=function)
    with chat.joined() as client:
        assert asked(client, {"action": "say"})["Code"] == "AccessDeniedException"
        document = json.dumps({"Version": "2012-10-17", "Statement": [may("ManageConnections")]})
        iam.put_role_policy(RoleName=name, PolicyName="may", PolicyDocument=document)
        client.send('{"action": "say", "text": "hi"}')
        assert client.recv(timeout=60) == '{"ACTION": "SAY", "TEXT": "HI"}'


@documented(
    AREA,
    "`https://{domainName}/{stage}/@connections/...` is where a function sends to clients",
    CONNECTIONS,
    "not over TLS, and no resolver knows the name: use AWS_ENDPOINT_URL where it is set, as boto3 does by itself",
)
def test_the_endpoint_of_functions(lab: Lab, says: Room) -> None:
    with says.joined() as client:
        connection = asked(client, "hello")["requestContext"]["connectionId"]
        management = says.management(url=lab.endpoint)
        management.post_to_connection(ConnectionId=connection, Data=b"x")
        assert client.recv(timeout=60) == "x"
        assert error_of(lambda: management.get_connection(ConnectionId="AAAAAAAAAAAAAAA=")) == (410, "GoneException")


@documented(AREA, "A route that wants an API key lets in whose key is in a usage plan of the stage", KEYS)
def test_api_keys(lab: Lab, says: Room) -> None:
    keyed = room(lab, function=says.function, connect={"ApiKeyRequired": True})
    client = lab.aws("apigateway")
    plan = client.create_usage_plan(name=lab.name("plan"), apiStages=[{"apiId": keyed.api, "stage": keyed.stage}])
    known, other = (client.create_api_key(name=lab.name("key"), enabled=True) for _ in range(2))
    client.create_usage_plan_key(usagePlanId=plan["id"], keyId=known["id"], keyType="API_KEY")
    for headers in ({}, {"x-api-key": "guessed"}, {"x-api-key": other["value"]}):
        status, body = keyed.refused(headers=headers)
        assert (status, body["message"]) == (403, "Forbidden")
    with keyed.joined(headers={"x-api-key": known["value"]}) as chat:
        identity = asked(chat, "hello")["requestContext"]["identity"]
    assert (identity["apiKey"], identity["apiKeyId"]) == (known["value"], known["id"])


@documented(AREA, "A browser's page of another origin connects; to `@connections` it gets nowhere", IAM)
def test_pages(says: Room) -> None:
    page = {"origin": "https://evil.example"}
    with says.joined(headers=page) as client:
        connection = asked(client, "hello")["requestContext"]["connectionId"]
    answer = send("POST", f"{says.management_url}/@connections/{connection}", page, b"x")
    assert answer.status == 403
