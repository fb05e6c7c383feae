"""Deleting a user leaves nothing behind in either store: not at the same time as writes, not when the function dies."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from scenarios.todos.kit import Stores, User
from staticfire.testing.kit import (
    AccountFaults,
    AccountFunctions,
    ApiAnswer,
    ApiClient,
    AwsClients,
    StackUnderTest,
    wait_until,
)

Delete = Callable[[User], ApiAnswer]


@pytest.fixture
def delete(api: ApiClient) -> Delete:
    return lambda user: api.request("DELETE", f"/users/{user.id}")


def test_a_deleted_user_is_gone_from_both_stores(api: ApiClient, user: User, stores: Stores, delete: Delete) -> None:
    todo = user.todo()
    for n in range(30):  # more than one batch
        user.todo(str(n))

    answer = delete(user)

    assert (answer.status, answer.body) == (204, b"")
    assert (stores.state(user), stores.todos(user)) == (None, [])
    for path in ("/users/{}", "/users/{}/todos", "/dashboard/{}"):
        assert api.get(path.format(user.id)).status == 404
    assert api.post(f"/users/{user.id}/todos", json={"title": "too late"}).status == 404
    assert api.request("PUT", f"/todos/{todo['id']}", json={"title": "t", "done": True}).status == 404
    assert delete(user).status == 404
    assert stores.todos(user) == []


def test_the_address_of_a_deleted_user_is_free(api: ApiClient, user: User, delete: Delete) -> None:
    assert delete(user).status == 204

    again = api.post("/users", json={"email": user.email, "name": "Ada"})

    assert again.status == 201
    assert again.json()["id"] != user.id


def test_deleting_a_user_leaves_the_others(new_user: Callable[[], User], stores: Stores, delete: Delete) -> None:
    user, other = new_user(), new_user()
    user.todo()
    kept = other.todo()

    assert delete(user).status == 204

    assert other.dashboard()["latest"] == [kept]
    assert stores.state(other) == "active"


def test_an_unknown_user_cannot_be_deleted(api: ApiClient, nobody: str) -> None:
    assert api.request("DELETE", f"/users/{nobody}").status == 404


def test_todos_that_are_written_while_their_user_is_deleted_do_not_survive(
    api: ApiClient, new_user: Callable[[], User], stores: Stores, delete: Delete
) -> None:
    """Six users, each deleted under the fire of a client of its own.

    A machine that six clients overload makes a store slower than the service waits: it says so by a 503, which
    acknowledges nothing and asks for another try.
    """
    users = [new_user() for _ in range(6)]
    written: Counter[int] = Counter()
    enough = threading.Event()

    def write(user: User) -> None:
        while not enough.is_set():
            status = api.post(f"/users/{user.id}/todos", json={"title": "quick"}).status
            written[status] += 1

    def is_deleted(user: User) -> bool:
        return delete(user).status == 204

    with ThreadPoolExecutor(6) as threads:
        writing = [threads.submit(write, user) for user in users]
        try:
            wait_until(lambda: all(stores.todos(user) for user in users), "todos of every user")
            for user in users:
                wait_until(partial(is_deleted, user), "the deletion of a user")
            refused = written[404]
            wait_until(lambda: written[404] > refused + 12, "todos that are refused")
        finally:
            enough.set()
        for task in writing:
            task.result()

    assert written.keys() - {503} == {201, 404}
    assert [(stores.state(user), stores.todos(user)) for user in users] == [(None, [])] * 6


def test_a_todo_that_was_under_way_when_its_user_was_deleted_is_refused(
    api: ApiClient, user: User, stores: Stores, delete: Delete, faults: AccountFaults
) -> None:
    with ThreadPoolExecutor(1) as thread:
        with faults("dynamodb", "TransactWriteItems", kind="hang", times=1) as struck:
            late = thread.submit(api.post, f"/users/{user.id}/todos", json={"title": "late"})
            wait_until(struck, "the write that is held back")
            assert delete(user).status == 204
        assert late.result().status == 404

    assert (stores.state(user), stores.todos(user)) == (None, [])


def test_a_first_todo_that_found_its_user_before_the_deletion_is_refused(
    api: ApiClient, user: User, stores: Stores, delete: Delete, faults: AccountFaults
) -> None:
    """DynamoDB does not know the user, so Postgres was asked; then the user goes, and only then the item is written."""
    stores.forget_account(user)
    with ThreadPoolExecutor(1) as thread:
        with faults("dynamodb", "PutItem", kind="hang", times=1) as struck:
            late = thread.submit(api.post, f"/users/{user.id}/todos", json={"title": "late"})
            wait_until(struck, "the item that is held back")
            assert delete(user).status == 204
        assert late.result().status == 404

    assert (stores.state(user), stores.todos(user)) == (None, [])


def test_a_user_whom_DynamoDB_does_not_know_may_have_todos(user: User, stores: Stores) -> None:
    stores.forget_account(user)

    todo = user.todo("first")

    assert user.dashboard()["counts"] == {"open": 1, "done": 0, "total": 1}
    assert user.dashboard()["latest"] == [todo]


@pytest.fixture(params=["UpdateItem", "BatchWriteItem"], ids=["before the user's item", "before the todos"])
def killed_in_between(
    request: pytest.FixtureRequest,
    api: ApiClient,
    user: User,
    stores: Stores,
    faults: AccountFaults,
    functions: AccountFunctions,
    staticfire_stack: StackUnderTest,
    delete: Delete,
) -> None:
    """A deletion whose function was killed after Postgres had noted it, and before DynamoDB did what it should."""
    for n in range(3):
        user.todo(str(n))
    with ThreadPoolExecutor(1) as thread, faults("dynamodb", request.param, kind="hang") as struck:
        answer = thread.submit(delete, user)
        wait_until(struck, "the call that is held back")
        assert (stores.state(user), len(stores.todos(user))) == ("deleted", 3)
        assert functions.kill(staticfire_stack.outputs["api_function_name"], state="busy") == 1
        assert answer.result().status in (500, 503)


@pytest.mark.usefixtures("killed_in_between")
def test_the_reconciler_finishes_a_deletion_that_was_killed(api: ApiClient, user: User, stores: Stores) -> None:
    assert api.get(f"/users/{user.id}").status == 404

    stores.reconcile()

    assert (stores.state(user), stores.todos(user)) == (None, [])
    assert api.post(f"/users/{user.id}/todos", json={"title": "too late"}).status == 404


@pytest.mark.usefixtures("killed_in_between")
def test_trying_again_finishes_a_deletion_that_was_killed(user: User, stores: Stores, delete: Delete) -> None:
    answer = delete(user)

    assert answer.status in (204, 404)  # 404: the reconciler was quicker
    assert (stores.state(user), stores.todos(user)) == (None, [])


@pytest.mark.parametrize("operation", ["UpdateItem", "Query", "BatchWriteItem"])
def test_a_deletion_without_DynamoDB_is_refused_for_now_and_finished_later(
    user: User, stores: Stores, faults: AccountFaults, delete: Delete, operation: str
) -> None:
    user.todo()
    with faults("dynamodb", operation, kind="drop"):
        refused = delete(user)
        assert stores.state(user) == "deleted"

    assert refused.status == 503
    assert int(refused.headers["retry-after"]) > 0
    stores.reconcile()
    assert (stores.state(user), stores.todos(user)) == (None, [])


def test_the_reconciler_has_nothing_to_do_with_users_who_stay(user: User, stores: Stores) -> None:
    todo = user.todo()
    stores.reconcile()
    before = stores.account(user)

    assert stores.reconcile() == {"users": 0, "todos": 0}

    assert stores.state(user) == "active"
    assert (stores.account(user), user.dashboard()["latest"]) == (before, [todo])


def test_the_reconciler_comes_by_itself(aws: AwsClients, staticfire_stack: StackUnderTest) -> None:
    """By the rule that Terraform made, every minute."""
    events = aws("events")
    name = staticfire_stack.outputs["reconcile_function_name"]

    rule = events.describe_rule(Name=name)
    targets = events.list_targets_by_rule(Rule=name)["Targets"]

    assert (rule["State"], rule["ScheduleExpression"]) == ("ENABLED", "rate(1 minute)")
    assert [target["Arn"].rpartition(":")[2] for target in targets] == [name]
