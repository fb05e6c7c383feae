"""The WebSocket API's function: clients come, go, and say something to all in their room.

wss://.../?room=lobby&user=ann              joins; refused with 400 for a room or a user that is none
{"action": "say", "text": "hello"}     ->   everybody in the room: {"said": {"id", "user", "text", "at"}}
{"action": "who"}                      ->   the one who asks: {"room", "users"}
(joins, leaves)                        ->   the others in the room: {"joined": "ann"}, {"left": "ann"}
"""

from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Logger
from servicekit.clients import client
from servicekit.errors import Refused, Unavailable
from servicekit.http import Answer, body_of, json_text
from servicekit.requests import JsonObject, check, read_json
from servicekit.table import Table

from chat.connections import Connections
from chat.rooms import Rooms
from chat.validation import BODY_LIMIT, Joining, Saying

logger = Logger()
rooms = Rooms(Table.from_environment(client("dynamodb")))

TRY_AGAIN = "The service cannot do this now. Try again."


def handler(event: dict[str, Any], context: Any) -> Answer:
    """Whose answer has a body is told it, by the route's response."""
    request = event["requestContext"]
    try:
        return _HANDLERS.get(request["routeKey"], _unknown)(event, request["connectionId"])
    except Refused as refused:
        problems = {"errors": refused.problems} if refused.problems else {}
        return _answer(refused.status, {"message": refused.message, **problems})
    except Unavailable as error:
        logger.warning("not available", problem=str(error))
        return _answer(503, {"message": TRY_AGAIN})


def _connect(event: dict[str, Any], connection: str) -> Answer:
    joining = check(JsonObject(event.get("queryStringParameters") or {}), Joining, name="query")
    _tell(event, joining.room, {"joined": joining.user})
    rooms.join(connection, joining.room, joining.user)
    return {"statusCode": 200}


def _disconnect(event: dict[str, Any], connection: str) -> Answer:
    where = rooms.leave(connection)
    if where is not None:
        _tell(event, where[0], {"left": where[1]})
    return {"statusCode": 200}


def _say(event: dict[str, Any], connection: str) -> Answer:
    saying = check(read_json(body_of(event), BODY_LIMIT), Saying)
    room, user = _where(connection)
    said = rooms.say(room, user, saying.text)
    _tell(event, room, {"said": asdict(said)})
    return {"statusCode": 200}


def _who(event: dict[str, Any], connection: str) -> Answer:
    room, _ = _where(connection)
    return _answer(200, {"room": room, "users": sorted(set(rooms.members(room).values()))})


def _unknown(event: dict[str, Any], connection: str) -> Answer:
    raise Refused(400, 'Say {"action": "say", "text": ...} or {"action": "who"}.')


_HANDLERS = {"$connect": _connect, "$disconnect": _disconnect, "say": _say, "who": _who}


def _where(connection: str) -> tuple[str, str]:
    where = rooms.of(connection)
    if where is None:
        raise Refused(410, "This connection is in no room any more: connect again.")
    return where


def _tell(event: dict[str, Any], room: str, message: dict[str, Any]) -> None:
    """Everybody in the room; who is gone without a `$disconnect` leaves now."""
    for gone in Connections(event["requestContext"]).send(rooms.members(room), message):
        rooms.leave(gone)


def _answer(status: int, content: dict[str, Any]) -> Answer:
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json_text(content)}
