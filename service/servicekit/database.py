"""One kept connection to Postgres: pools with their threads have no use where one request is handled at a time.

The connection settings are a secret in Secrets Manager, named by DATABASE_SECRET_ARN: `host`, `port`, `dbname`,
`username`, `password`, and `ca` where there is one. How the server is trusted is DATABASE_TLS: `verify` (certificate
and name checked against `ca`), `require` (encrypted, whoever answers: the private subnet is the trust), `prefer`
(encrypted where the server can).

    no connection --connect--> connected --connection lost-----------> no connection
                                         --server refuses for now--> no connection

A statement that meets a lost connection is sent once more on a new one, so it must be idempotent. One that took too
long is not: the server may still be busy with it.
"""

import os
import ssl
import struct
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.parameters import GetParameterError, SecretsProvider
from pg8000 import native
from pg8000.exceptions import DatabaseError, InterfaceError

from servicekit.clients import client
from servicekit.errors import Unavailable

logger = Logger()

STATEMENT_SECONDS = 3
GRACE_SECONDS = 1

REFUSED_FOR_NOW = {
    "25006": "the server is read-only: a failover is under way",
    "28000": "the server refuses the secret's user",
    "28P01": "the server refuses the secret's password",
    "3D000": "the database does not exist",
    "40001": "the statement met a concurrent one",
    "40P01": "the statement met a concurrent one",
    "42883": "the schema is missing: invoke the init function",
    "42P01": "the schema is missing: invoke the init function",
    "53300": "the server has too many connections",
    "58030": "the server's disk does not read or write",
    "57014": "the statement took too long",
    "57P01": "the server is shutting down",
    "57P02": "the server is shutting down",
    "57P03": "the server is starting",
}
NO_ROOM = "53"  # the class of insufficient resources: disk, memory, connections
WRONG_PASSWORD = {"28P01", "28000"}
# The connection is of no use any more. pg8000 has no error of its own for bytes that are no message of the protocol, as
# a server that is being killed, or what stands between, may leave: it does not find their type, or their fields.
LOST = (InterfaceError, OSError, KeyError, struct.error)


class Database:
    """Connects when first used. `statement_seconds=None` bounds neither statements nor waiting (migrations)."""

    def __init__(self, secret_arn: str, statement_seconds: int | None = STATEMENT_SECONDS) -> None:
        self._secret_arn = secret_arn
        self._statement_seconds = statement_seconds
        self._secrets = SecretsProvider(boto3_client=client("secretsmanager"))
        self._secret: dict[str, Any] | None = None
        self._connection: native.Connection | None = None
        self._prepared: dict[str, native.PreparedStatement] = {}

    @classmethod
    def from_environment(cls, statement_seconds: int | None = STATEMENT_SECONDS) -> "Database":
        return cls(os.environ["DATABASE_SECRET_ARN"], statement_seconds)

    def run(self, sql: str, **parameters: Any) -> list[list[Any]]:
        """The rows of one idempotent statement, committed. Raises Unavailable when the database cannot do it now."""
        kept = self._connection is not None
        try:
            return self._execute(sql, parameters)
        except LOST as error:
            self.close()
            if not kept or _took_too_long(error):
                raise Unavailable(f"Postgres cannot be reached: {error!r}") from error
        except DatabaseError as error:
            self.close()  # prepared statements do not survive every migration: the next call prepares them anew
            problem = _refused_for_now(code_of(error))
            if problem is None:
                raise
            raise Unavailable(f"Postgres refuses for now: {problem}") from error
        logger.info("the connection to Postgres was lost, connecting again")
        return self.run(sql, **parameters)

    def connection(self) -> native.Connection:
        """The bare connection, for what is more than one idempotent statement."""
        if self._connection is None:
            try:
                self._connection = self._connect()
            except LOST as error:
                raise Unavailable(f"Postgres cannot be reached: {error!r}") from error
        return self._connection

    def close(self) -> None:
        connection, self._connection, self._prepared = self._connection, None, {}
        if connection is not None:
            try:
                connection.close()
            except LOST as error:
                logger.debug("closing a lost connection", problem=str(error))

    def _execute(self, sql: str, parameters: dict[str, Any]) -> list[list[Any]]:
        if self._connection is None:
            self._connection = self._connect()
        statement = self._prepared.get(sql)
        if statement is None:
            statement = self._prepared[sql] = self._connection.prepare(sql)
        rows: list[list[Any]] = statement.run(**parameters)
        return rows

    def _connect(self) -> native.Connection:
        if self._secret is not None:
            try:
                return self._connect_with(self._secret)
            except DatabaseError as error:
                if code_of(error) not in WRONG_PASSWORD:
                    raise
                logger.info("the database refuses the known password, reading the secret again")
        try:
            secret: Any = self._secrets.get(self._secret_arn, transform="json", force_fetch=True)
        except GetParameterError as error:
            raise Unavailable(f"the database's secret cannot be read: {error}") from error
        connection = self._connect_with(secret)
        self._secret = secret
        return connection

    def _connect_with(self, secret: dict[str, Any]) -> native.Connection:
        seconds = self._statement_seconds
        return native.Connection(
            secret["username"],
            host=secret["host"],
            port=int(secret["port"]),
            database=secret["dbname"],
            password=secret["password"],
            ssl_context=_tls(os.environ.get("DATABASE_TLS", "require"), secret.get("ca")),
            timeout=None if seconds is None else seconds + GRACE_SECONDS,
            application_name=os.environ.get("AWS_LAMBDA_FUNCTION_NAME"),
            startup_params=None if seconds is None else {"statement_timeout": f"{seconds}s"},
        )


def code_of(error: DatabaseError) -> str:
    """SQLSTATE of an error that the server reported."""
    fields = error.args[0] if error.args else {}
    return str(fields.get("C", "")) if isinstance(fields, dict) else ""


def _refused_for_now(code: str) -> str | None:
    """Why the server cannot do now what it will do later; None for an error that stays one."""
    no_room = "the server has no room: its disk or its memory is full" if code.startswith(NO_ROOM) else None
    return REFUSED_FOR_NOW.get(code, no_room)


def _took_too_long(error: Exception) -> bool:
    """pg8000 wraps the socket's errors, or not, depending on where they meet it."""
    return isinstance(error, TimeoutError) or isinstance(error.__cause__, TimeoutError)


def _tls(mode: str, ca: str | None) -> ssl.SSLContext | bool | None:
    """As pg8000 takes it: a context that checks, True (encrypted or not at all), None (encrypted if offered)."""
    if mode == "verify":
        return ssl.create_default_context(cadata=ca)
    if mode == "require":
        return True
    if mode == "prefer":
        return None
    raise ValueError(f"DATABASE_TLS is {mode!r}: it must be verify, require or prefer.")
