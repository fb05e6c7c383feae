"""One durable INSERT for each request, prepared, over a kept connection. The benchmark makes the table."""

import os

import pg8000.native

INSERT = "insert into bench_events (usage) values (:usage)"

connection = pg8000.native.Connection(
    os.environ["DATABASE_USER"],
    host=os.environ["DATABASE_HOST"],
    port=int(os.environ["DATABASE_PORT"]),
    database=os.environ["DATABASE_NAME"],
    password=os.environ["DATABASE_PASSWORD"],
)
insert = connection.prepare(INSERT)


def handler(event: dict[str, object], context: object) -> dict[str, object]:
    insert.run(usage=150)
    return {"statusCode": 200, "body": "ok"}
