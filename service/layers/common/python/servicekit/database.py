"""One kept connection to Postgres, with its statements prepared.

The connection settings are a secret in Secrets Manager, named by DATABASE_SECRET_ARN: `host`, `port`, `dbname`, `username`,
`password`. How the server is trusted is DATABASE_TLS: `verify` (certificate and name checked against the bundle
DATABASE_CA_FILE), `require` (encrypted, whoever answers; a private subnet is the trust), `prefer` (encrypted where the server can).

    no connection --connect--> connected --connection lost--> no connection
                                         --server refuses for now--> no connection

A statement that meets a lost connection is sent once more on a new one, so it must be idempotent. One that took too
long is not: the server may still be busy with it.
"""

import json
import logging
import os
import ssl
from typing import Any

from pg8000 import native
from pg8000.exceptions import DatabaseError, InterfaceError

from servicekit import aws
from servicekit.errors import Unavailable

logger = logging.getLogger(__name__)

STATEMENT_SECONDS = 3
SOCKET_SECONDS = 4

REFUSED_FOR_NOW = {
    "25006": "the server is read-only: a failover is under way",
    "40001": "the statement met a concurrent one",
    "40P01": "the statement met a concurrent one",
    "53300": "the server has too many connections",
    "57014": "the statement took too long",
    "57P01": "the server is shutting down",
    "57P02": "the server is shutting down",
    "57P03": "the server is starting",
}
SCHEMA_MISSING = {"42P01", "42883", "3F000"}
WRONG_PASSWORD = {"28P01", "28000"}


class Database:
    """Connects when first used. `statement_seconds=None` bounds neither statements nor waiting (migrations)."""

    def __init__(self, secret_arn: str, statement_seconds: int | None = STATEMENT_SECONDS) -> None:
        self._secret_arn = secret_arn
        self._statement_seconds = statement_seconds
        self._secrets = aws.secrets_manager()
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
            return self._run(sql, parameters)
        except TimeoutError as error:
            self.close()
            raise Unavailable("Postgres did not answer in time") from error
        except (InterfaceError, OSError) as error:
            self.close()
            if not kept:
                raise Unavailable(f"Postgres cannot be reached: {error}") from error
            logger.info("the connection to Postgres was lost, connecting again", extra={"problem": str(error)})
        except DatabaseError as error:
            self._judge(error)
            if not kept or code_of(error) not in ("57P01", "57P02"):
                raise Unavailable(f"Postgres refuses for now: {REFUSED_FOR_NOW[code_of(error)]}") from error
            logger.info("the server ended the connection to Postgres, connecting again")
        return self.run(sql, **parameters)

    def connection(self) -> native.Connection:
        """The bare connection, for what is more than one idempotent statement."""
        if self._connection is None:
            try:
                self._connection = self._connect()
            except (InterfaceError, OSError) as error:
                raise Unavailable(f"Postgres cannot be reached: {error}") from error
        return self._connection

    def close(self) -> None:
        connection, self._connection, self._prepared = self._connection, None, {}
        if connection is not None:
            try:
                connection.close()
            except (InterfaceError, OSError) as error:
                logger.debug("closing a lost connection", extra={"problem": str(error)})

    def _run(self, sql: str, parameters: dict[str, Any]) -> list[list[Any]]:
        if self._connection is None:
            self._connection = self._connect()
        statement = self._prepared.get(sql)
        if statement is None:
            statement = self._prepared[sql] = self._connection.prepare(sql)
        rows: list[list[Any]] = statement.run(**parameters)
        return rows

    def _judge(self, error: DatabaseError) -> None:
        """Returns when the server refuses for now, the connection closed; raises what the error means otherwise."""
        code = code_of(error)
        if code in SCHEMA_MISSING:
            logger.error("the schema is missing: invoke the init function", extra={"problem": str(error)})
            raise Unavailable("the database has no schema yet") from error
        if code not in REFUSED_FOR_NOW:
            raise error
        self.close()

    def _connect(self) -> native.Connection:
        if self._secret is not None:
            try:
                return self._connect_with(self._secret)
            except DatabaseError as error:
                if code_of(error) not in WRONG_PASSWORD:
                    raise
                logger.info("the database refuses the known password, reading the secret again")
        try:
            answer = self._secrets.call("GetSecretValue", {"SecretId": self._secret_arn})
        except aws.CallFailed as error:
            raise Unavailable(f"the database's secret cannot be read: {error}") from error
        secret: dict[str, Any] = json.loads(answer["SecretString"])
        connection = self._connect_with(secret)
        self._secret = secret
        return connection

    def _connect_with(self, secret: dict[str, Any]) -> native.Connection:
        bounded = self._statement_seconds is not None
        return native.Connection(
            secret["username"],
            host=secret["host"],
            port=int(secret["port"]),
            database=secret["dbname"],
            password=secret["password"],
            ssl_context=_tls(os.environ.get("DATABASE_TLS", "require")),
            timeout=self._statement_seconds + 1 if self._statement_seconds is not None else None,
            application_name=os.environ.get("AWS_LAMBDA_FUNCTION_NAME"),
            startup_params={"statement_timeout": f"{self._statement_seconds}s"} if bounded else None,
        )


def code_of(error: DatabaseError) -> str:
    """SQLSTATE of an error that the server reported."""
    fields = error.args[0] if error.args else {}
    return str(fields.get("C", "")) if isinstance(fields, dict) else ""


def _tls(mode: str) -> ssl.SSLContext | bool | None:
    """What pg8000 takes for it: a context that checks, True (encrypted or not at all), None (encrypted if offered)."""
    if mode == "verify":
        return ssl.create_default_context(cafile=os.environ["DATABASE_CA_FILE"])
    if mode == "require":
        return True
    if mode == "prefer":
        return None
    raise ValueError(f"DATABASE_TLS is {mode!r}: it must be verify, require or prefer")
