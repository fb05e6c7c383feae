"""What people in a room hear of each other."""

from __future__ import annotations

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from scenarios.chat.conftest import Join
from staticfire.testing.kit import AccountFunctions, ApiClient, StackUnderTest, wait_until


def test_what_one_says_everybody_in_the_room_hears(join: Join) -> None:
    ann, bob = join("ann"), join("bob")
    assert ann.next() == {"joined": "bob"}

    bob.send({"action": "say", "text": "hello, ü"})

    heard = [member.next()["said"] for member in (ann, bob)]
    assert heard[0] == heard[1]
    assert (heard[0]["user"], heard[0]["text"]) == ("bob", "hello, ü")


def test_who_leaves_is_missed(join: Join) -> None:
    ann, bob = join("ann"), join("bob")
    assert ann.next() == {"joined": "bob"}

    bob.leave()

    assert ann.next() == {"left": "bob"}
    ann.send({"action": "who"})
    assert ann.next()["users"] == ["ann"]


def test_who_comes_later_reads_what_was_said(join: Join, api: ApiClient, room: str) -> None:
    ann = join("ann")
    for text in ("first", "second"):
        ann.send({"action": "say", "text": text})
        assert ann.next()["said"]["text"] == text

    answer = api.get(f"/rooms/{room}/messages")

    assert [message["text"] for message in answer.json()["messages"]] == ["second", "first"]
    assert len(api.get(f"/rooms/{room}/messages?limit=1").json()["messages"]) == 1


def test_nobody_hears_what_is_said_in_another_room(join: Join, address: str, room: str) -> None:
    ann = join("ann")
    with connect(f"{address}?room={room}-other&user=bob", open_timeout=60) as other:
        other.send('{"action": "say", "text": "hello"}')
        assert other.recv(timeout=60)
    ann.send({"action": "who"})
    assert ann.next() == {"room": room, "users": ["ann"]}


@pytest.mark.parametrize("query", ["", "room=lobby", "user=ann", "room=No%20Room&user=ann", "room=lobby&user="])
def test_who_names_no_room_or_no_user_is_not_let_in(address: str, query: str) -> None:
    with pytest.raises(InvalidStatus) as refused, connect(f"{address}?{query}", open_timeout=60):
        pass
    assert refused.value.response.status_code == 400


@pytest.mark.parametrize(
    "message", ["nonsense", '{"action": "say"}', '{"action": "say", "text": ""}', '{"action": "dance"}']
)
def test_what_is_no_message_is_refused_to_its_sender_alone(join: Join, message: str) -> None:
    ann, bob = join("ann"), join("bob")
    assert ann.next() == {"joined": "bob"}
    bob.connection.send(message)
    assert "message" in bob.next()
    ann.send({"action": "who"})
    assert ann.next()["users"] == ["ann", "bob"]


def test_who_is_connected_stays_so_when_the_function_was_killed(
    join: Join, functions: AccountFunctions, staticfire_stack: StackUnderTest
) -> None:
    ann = join("ann")
    name = staticfire_stack.outputs["sockets_function_name"]
    wait_until(lambda: functions.execution_environments(name, state="idle"), "an idle execution environment")
    functions.kill(name, state="idle")

    ann.send({"action": "say", "text": "still here"})

    assert ann.next()["said"]["text"] == "still here"
