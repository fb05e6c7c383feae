"""The HTTP API's function: what was said in a room, for whoever comes later."""

import re
from dataclasses import asdict
from typing import Any

from servicekit.clients import client
from servicekit.errors import Refused
from servicekit.http import Answer, Event
from servicekit.requests import read_query
from servicekit.resolver import Resolver
from servicekit.table import Table

from chat.rooms import Rooms
from chat.validation import ROOM, Paging

app = Resolver()
rooms = Rooms(Table.from_environment(client("dynamodb")))


@app.get("/rooms/<room>/messages")
def get_messages(room: str) -> dict[str, Any]:
    if re.fullmatch(ROOM.strip("^$"), room) is None:
        raise Refused(404, "There is no such room.")
    paging = read_query(app.current_event.raw_event, Paging)
    return {"messages": [asdict(said) for said in rooms.latest(room, paging.limit)]}


def handler(event: Event, context: Any) -> Answer:
    return app.resolve(dict(event), context)
