"""WebSocket APIs: connecting, messages, routes, the end of a connection, limits."""

from __future__ import annotations

import json
import re

import pytest
from websockets.sync.client import ClientConnection

from tests.conformance.fidelity import GATEWAY, documented
from tests.conformance.lab import Lab, eventually, send
from tests.conformance.rooms import Room, asked, end_of, room

AREA = "WebSocket API"
GUIDE = "apigateway/latest/developerguide/"
CONNECTING = f"{GUIDE}apigateway-websocket-api-route-keys-connect-disconnect.html"
ROUTING = f"{GUIDE}websocket-api-develop-routes.html"
ANSWERING = f"{GUIDE}apigateway-websocket-api-route-response.html"
CONTEXT = f"{GUIDE}apigateway-websocket-api-mapping-template-reference.html"
LIMITS = f"{GUIDE}apigateway-execution-service-websocket-limits-table.html"
BINARY = f"{GUIDE}websocket-api-develop-binary-media-types.html"
PROTOCOL = f"{GUIDE}websocket-connect-route-subprotocol.html"

_ID = re.compile(r"[\w-]{15}=")


@pytest.fixture(scope="module")
def says(lab: Lab) -> Room:
    return room(lab)


@documented(AREA, "`$connect` gets the handshake: headers, query, `eventType` CONNECT, `connectionId`", CONNECTING)
def test_connecting(says: Room) -> None:
    with says.joined("who=ann&who=bob", {"x-mine": "1"}) as client:
        connection = asked(client, {"action": "say"})["requestContext"]["connectionId"]
        (event,) = eventually(
            lambda: [one for one in says.events() if one["requestContext"]["connectionId"] == connection][:1],
            "the event of $connect in the function's log",
        )
    context = event["requestContext"]
    assert event["headers"]["x-mine"] == "1"
    assert event["multiValueHeaders"]["Sec-WebSocket-Version"] == ["13"]
    assert event["multiValueQueryStringParameters"] == {"who": ["ann", "bob"]}
    assert event["queryStringParameters"] == {"who": "bob"}
    assert "body" not in event
    assert (context["routeKey"], context["eventType"], context["messageDirection"]) == ("$connect", "CONNECT", "IN")
    assert (context["stage"], context["apiId"]) == ("prod", says.api)
    assert _ID.fullmatch(context["connectionId"])
    assert context["requestId"] == context["extendedRequestId"]
    assert context["connectedAt"] <= context["requestTimeEpoch"]


@documented(AREA, "A message gets an event of its own: `messageId`, `eventType` MESSAGE, the body, no headers", CONTEXT)
def test_a_message(says: Room) -> None:
    with says.joined() as client:
        first, second = (asked(client, {"action": "say", "number": number}) for number in range(2))
    context = first["requestContext"]
    assert json.loads(first["body"]) == {"action": "say", "number": 0}
    assert first["isBase64Encoded"] is False
    assert "headers" not in first
    assert (context["routeKey"], context["eventType"]) == ("say", "MESSAGE")
    assert _ID.fullmatch(context["messageId"])
    assert context["connectionId"] == second["requestContext"]["connectionId"]
    assert context["requestId"] != second["requestContext"]["requestId"]


@documented(AREA, "The client's address is `identity.sourceIp`", CONTEXT, elsewhere=GATEWAY)
def test_who_it_is(says: Room) -> None:
    with says.joined(user_agent_header="me/1") as client:
        identity = asked(client, {"action": "say"})["requestContext"]["identity"]
    assert identity == {"sourceIp": "127.0.0.1", "userAgent": "me/1"}


@documented(AREA, "`$disconnect` gets the code and the reason that the client closed with", CONNECTING)
def test_disconnecting(says: Room) -> None:
    with says.joined() as client:
        connection = asked(client, {"action": "say"})["requestContext"]["connectionId"]
        client.close(4001, "had enough")
    with says.joined() as client:
        abrupt = asked(client, {"action": "say"})["requestContext"]["connectionId"]
        client.socket.close()

    def ends() -> dict[str, tuple[int, str]]:
        contexts = [event["requestContext"] for event in says.events()]
        ended = {
            context["connectionId"]: (context["disconnectStatusCode"], context["disconnectReason"])
            for context in contexts
            if context["eventType"] == "DISCONNECT" and context["routeKey"] == "$disconnect"
        }
        return ended if ended.keys() >= {connection, abrupt} else {}

    ended = eventually(ends, "two events of $disconnect")
    assert ended[connection] == (4001, "had enough")
    assert ended[abrupt][0] == 1006


@pytest.mark.parametrize(
    ("message", "route"),
    [
        ({"action": "say"}, "say"),
        ({"action": "other"}, "$default"),
        ("no JSON", "$default"),
        ({"action": {}}, "$default"),
    ],
)
@documented(AREA, "The selection expression names the route; what it names no route for goes to `$default`", ROUTING)
def test_routes(says: Room, message: object, route: str) -> None:
    with says.joined() as client:
        assert asked(client, message)["requestContext"]["routeKey"] == route


@documented(AREA, "Without a route and without `$default` the client is told Forbidden, and stays connected", ROUTING)
def test_no_route(lab: Lab, says: Room) -> None:
    small = room(lab, ("say",), function=says.function)
    with small.joined() as client:
        answer = asked(client, {"action": "other"})
        assert answer["message"] == "Forbidden"
        assert answer.keys() == {"message", "connectionId", "requestId"}
        assert asked(client, {"action": "say"})["requestContext"]["connectionId"] == answer["connectionId"]


@documented(AREA, "Without a route response nothing is sent to the client", ANSWERING)
def test_one_way(lab: Lab, says: Room) -> None:
    quiet = room(lab, ("quiet", "$default"), function=says.function, answering=False)
    with quiet.joined() as client:
        client.send('{"action": "quiet"}')
        assert asked(client, "hello")["requestContext"]["routeKey"] == "$default"


@pytest.mark.parametrize("message", [{"action": "say", "fail": True}, {"action": "say", "answer": None}])
@documented(AREA, "A function that fails, or answers no `statusCode`, is an Internal server error", ANSWERING)
def test_failing(says: Room, message: object) -> None:
    with says.joined() as client:
        answer = asked(client, message)
    assert answer["message"] == "Internal server error"
    assert answer.keys() == {"message", "connectionId", "requestId"}


@documented(AREA, "What `$connect` answers beside 2xx is the handshake's status", CONNECTING)
def test_refusing(says: Room) -> None:
    for status in (401, 403, 500):
        assert says.refused(f"status={status}")[0] == status


@documented(AREA, "A `$connect` function that fails is a 502", CONNECTING)
def test_failing_to_connect(says: Room) -> None:
    status, body = says.refused("fail=1")
    assert (status, body["message"]) == (502, "Internal server error")


@documented(AREA, "A function that does not permit the API is a 500 at `$connect`", CONNECTING)
def test_not_permitted(lab: Lab) -> None:
    status, body = room(lab, permitted=False).refused()
    assert (status, body["message"]) == (500, "Internal server error")


@documented(AREA, "`$connect` chooses the subprotocol with `Sec-WebSocket-Protocol`", PROTOCOL)
def test_subprotocol(says: Room) -> None:
    with says.joined("protocol=chat", subprotocols=["other", "chat"]) as client:
        assert client.subprotocol == "chat"


@documented(AREA, "A stage that is not there is 403, a request without an upgrade is 426", CONNECTING)
def test_what_is_no_handshake(says: Room) -> None:
    assert says.refused(url=f"{says.lab.endpoint}/_aws/execute-api/{says.api}/nothing") == (
        403,
        {"message": "Forbidden"},
    )
    assert send("GET", says.management_url).status == 426


def _sent(client: ClientConnection, size: int, frame: int = 32 * 1024) -> None:
    text = json.dumps({"action": "say", "text": "x" * (size - 29)})
    assert len(text) == size
    client.send(text[start : start + frame] for start in range(0, size, frame))


@documented(AREA, "A message has 128 KB at the most, else the connection is closed with 1009", LIMITS)
def test_long_messages(says: Room) -> None:
    with says.joined() as client:
        _sent(client, 128 * 1024)
        assert len(json.loads(client.recv(timeout=60))["body"]) == 128 * 1024
        _sent(client, 128 * 1024 + 1)
        assert end_of(client)[0] == 1009


@documented(AREA, "A frame has 32 KB at the most, else the connection is closed with 1009", LIMITS)
def test_long_frames(says: Room) -> None:
    with says.joined() as client:
        client.send("x" * (32 * 1024 + 1))
        assert end_of(client)[0] == 1009


@documented(AREA, "A binary frame closes the connection with 1003", BINARY)
def test_binary(says: Room) -> None:
    with says.joined() as client:
        client.send(b"\x00\x01")
        assert end_of(client)[0] == 1003


@documented(AREA, "A ping is answered", "https://www.rfc-editor.org/rfc/rfc6455#section-5.5.2")
def test_ping(says: Room) -> None:
    with says.joined() as client:
        assert client.ping().wait(60)


@documented(
    AREA, "A client is told Too Many Requests over the limits of the route", f"{GUIDE}websocket-api-protect.html"
)
def test_throttling(lab: Lab, says: Room) -> None:
    limits = {"RouteSettings": {"say": {"ThrottlingBurstLimit": 2, "ThrottlingRateLimit": 0.01}}}
    limited = room(lab, function=says.function, stage_settings=limits)
    with limited.joined() as client:
        answers = [asked(client, {"action": "say"}) for _ in range(3)]
    assert [answer.get("message") for answer in answers] == [None, None, "Too Many Requests"]


@documented(AREA, "Connections end with their stage", CONNECTING)
def test_a_stage_that_goes(lab: Lab, says: Room) -> None:
    gone = room(lab, function=says.function)
    with gone.joined() as client:
        assert asked(client, "hello")
        lab.aws("apigatewayv2").delete_stage(ApiId=gone.api, StageName=gone.stage)
        assert end_of(client)[0] == 1001


@documented(AREA, "`{id}.execute-api.` in the Host names the API, the path its stage", ROUTING)
def test_by_host(lab: Lab, says: Room) -> None:
    named = f"http://{says.api}.execute-api.localhost:{lab.address[1]}/{says.stage}"
    with says.joined(url=named, address=lab.address) as client:
        context = asked(client, "hello")["requestContext"]
    assert context["domainName"] == f"{says.api}.execute-api.localhost"
