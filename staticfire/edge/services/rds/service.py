"""RDS for PostgreSQL: the emulator describes DB instances, a real Postgres holds their databases.

`CreateDBInstance` makes a role and a database with the given name, user and password on the stack's Postgres;
every description then carries that server's address and port. `ModifyDBInstance` carries a new password over,
`DeleteDBInstance` drops what was made.

A comment on the database and on the role says which DB instance owns them. The emulator may forget its instances
(its state dies with its process) while Postgres keeps the data, so an instance created again with the same ARN adopts
its own database as it is; another instance that asks for a taken name is refused.

What has no meaning on one server is refused instead of being described as if it worked: other engines, clusters,
replicas, restores from snapshots, and passwords managed by RDS.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl
from xml.etree import ElementTree

from pg8000.exceptions import DatabaseError, InterfaceError
from pg8000.native import Connection, identifier, literal

from staticfire.edge.aws.calls import AwsError, Call
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.config import PostgresConfig
from staticfire.edge.http1.messages import Response
from staticfire.postgres_databases import drop, make_database, make_role, set_password

log = logging.getLogger(__name__)

NAMESPACE = "http://rds.amazonaws.com/doc/2014-10-31/"
NS = f"{{{NAMESPACE}}}"
ENGINE = "postgres"

REFUSED = {
    "CreateDBCluster": "DB clusters",
    "CreateDBInstanceReadReplica": "read replicas",
    "RestoreDBInstanceFromDBSnapshot": "restores from a snapshot",
    "RestoreDBInstanceFromS3": "restores from S3",
    "RestoreDBInstanceToPointInTime": "point-in-time restores",
    "RestoreDBClusterFromSnapshot": "restores from a snapshot",
    "RestoreDBClusterToPointInTime": "point-in-time restores",
}

OWNERS = {
    "role": "SELECT shobj_description(oid, 'pg_authid'), rolname FROM pg_roles WHERE rolname = :name",
    "database": "SELECT shobj_description(oid, 'pg_database'), pg_get_userbyid(datdba) FROM pg_database "
    "WHERE datname = :name",
}

ElementTree.register_namespace("", NAMESPACE)


@dataclass(frozen=True, slots=True)
class Instance:
    """What of a DB instance lives on the Postgres."""

    arn: str
    user: str
    password: str
    database: str | None


class Taken(Exception):
    """A name is in use by something that is not this DB instance."""


class Rds:
    """The `rds` service as far as it concerns a real server."""

    def __init__(self, emulator: Emulator, postgres: PostgresConfig) -> None:
        self._emulator = emulator
        self._postgres = postgres

    async def answer(self, call: Call) -> Response | None:
        params = dict(parse_qsl((await call.body()).decode("utf-8", "replace"), keep_blank_values=True))
        action = call.operation or params.get("Action", "")
        if action in REFUSED:
            raise AwsError(
                400,
                "InvalidParameterCombination",
                f"{action}: {REFUSED[action]} are not available here. One PostgreSQL server is behind this endpoint: "
                "use CreateDBInstance with Engine=postgres.",
            )
        if action == "CreateDBInstance":
            self._check(params)
        old = await self._describe(call, params) if action in ("ModifyDBInstance", "DeleteDBInstance") else None
        response = await self._emulator.raw(
            call.scope,
            "rds",
            call.request.method,
            call.request.target,
            call.request.headers,
            await call.body(),
        )
        body = await self._emulator.whole(response)
        if response.status >= 400 or b"DBInstance" not in body:
            return Response(response.status, [("content-type", "text/xml")], body)
        document = ElementTree.fromstring(body)
        if action == "CreateDBInstance":
            await self._create(call, params, document)
        elif old is not None:
            await self._change(action, params, old)
        self._address(document)
        xml = ElementTree.tostring(document, encoding="utf-8", xml_declaration=True)
        return Response(response.status, [("content-type", "text/xml")], xml)

    async def passed(self, call: Call, status: int) -> None:
        """Nothing is cached."""

    @staticmethod
    def _check(params: Mapping[str, str]) -> None:
        engine = params.get("Engine", "")
        if engine != ENGINE:
            raise AwsError(
                400,
                "InvalidParameterValue",
                f"Engine {engine!r} is not available: behind this endpoint is PostgreSQL. Use Engine=postgres.",
            )
        if params.get("ManageMasterUserPassword", "").lower() == "true":
            raise AwsError(
                400,
                "InvalidParameterCombination",
                "ManageMasterUserPassword is not available here. Pass MasterUserPassword, for example from "
                "Secrets Manager's GetRandomPassword.",
            )
        for name in ("MasterUsername", "MasterUserPassword"):
            if not params.get(name):
                raise AwsError(
                    400, "InvalidParameterValue", f"The parameter {name} must be provided and must not be blank."
                )

    async def _describe(self, call: Call, params: Mapping[str, str]) -> Instance | None:
        document = await self._emulator.query(
            call.scope, "rds", "DescribeDBInstances", {"DBInstanceIdentifier": params.get("DBInstanceIdentifier", "")}
        )
        element = next(document.iter(f"{NS}DBInstance"), None)
        return None if element is None else _instance(element, params.get("MasterUserPassword", ""))

    async def _create(self, call: Call, params: Mapping[str, str], document: ElementTree.Element) -> None:
        instance = _instance(next(document.iter(f"{NS}DBInstance")), params["MasterUserPassword"])
        try:
            await asyncio.to_thread(self._make, instance)
        except (Taken, DatabaseError, InterfaceError, OSError) as error:
            log.error("CreateDBInstance %s: %s", instance.arn, error)
            await self._emulator.query(
                call.scope,
                "rds",
                "DeleteDBInstance",
                {"DBInstanceIdentifier": params["DBInstanceIdentifier"], "SkipFinalSnapshot": "true"},
            )
            if isinstance(error, Taken):
                raise AwsError(400, "InvalidParameterValue", str(error)) from error
            raise self._unreachable(error) from error

    async def _change(self, action: str, params: Mapping[str, str], instance: Instance) -> None:
        try:
            if action == "DeleteDBInstance":
                await asyncio.to_thread(self._drop, instance)
            else:
                await asyncio.to_thread(self._modify, instance, params.get("NewDBInstanceIdentifier"))
        except (DatabaseError, InterfaceError, OSError) as error:
            log.error("%s %s: %s", action, instance.arn, error)
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> AwsError:
        server = f"{self._postgres.host}:{self._postgres.port}"
        return AwsError(
            500,
            "InternalFailure",
            f"PostgreSQL at {server} did not do what the DB instance needs: {error}. See `staticfire status`.",
        )

    def _connect(self) -> Connection:
        server = self._postgres
        return Connection(
            server.admin_user,
            host=server.host,
            port=server.port,
            database="postgres",
            password=server.admin_password,
            timeout=10,
        )

    def _make(self, instance: Instance) -> None:
        with self._connect() as admin:
            self._refuse_taken(admin, "role", instance.user, instance)
            admin.run("BEGIN")
            make_role(admin, instance.user, instance.password, rights="CREATEDB CREATEROLE")
            admin.run(f"COMMENT ON ROLE {identifier(instance.user)} IS {literal(instance.arn)}")
            admin.run("COMMIT")
            if instance.database is None:
                return
            self._refuse_taken(admin, "database", instance.database, instance)
            make_database(admin, instance.database, instance.user)
            admin.run(f"COMMENT ON DATABASE {identifier(instance.database)} IS {literal(instance.arn)}")

    @staticmethod
    def _refuse_taken(admin: Connection, kind: str, name: str, instance: Instance) -> None:
        """Refuse a name that exists and is not this instance's.

        A database without a comment that belongs to the instance's own role was made just before a crash.
        """
        for comment, owner in admin.run(OWNERS[kind], name=name):
            if comment != instance.arn and not (kind == "database" and comment is None and owner == instance.user):
                raise Taken(
                    f"The {kind} {name!r} exists already on the PostgreSQL server behind this endpoint and does not "
                    f"belong to {instance.arn}. All DB instances share that server: choose another "
                    f"{'MasterUsername' if kind == 'role' else 'DBName'}."
                )

    def _modify(self, instance: Instance, new_name: str | None) -> None:
        with self._connect() as admin:
            if instance.password:
                set_password(admin, instance.user, instance.password)
            if new_name:
                arn = literal(f"{instance.arn.rpartition(':')[0]}:{new_name.lower()}")
                admin.run(f"COMMENT ON ROLE {identifier(instance.user)} IS {arn}")
                if instance.database:
                    admin.run(f"COMMENT ON DATABASE {identifier(instance.database)} IS {arn}")

    def _drop(self, instance: Instance) -> None:
        with self._connect() as admin:
            drop(admin, instance.database, instance.user)

    def _address(self, document: ElementTree.Element) -> None:
        for instance in document.iter(f"{NS}DBInstance"):
            endpoint = instance.find(f"{NS}Endpoint")
            if endpoint is None or instance.findtext(f"{NS}Engine") != ENGINE:
                continue
            for name, value in (("Address", self._postgres.host), ("Port", str(self._postgres.port))):
                element = endpoint.find(f"{NS}{name}")
                if element is None:
                    element = ElementTree.SubElement(endpoint, f"{NS}{name}")
                element.text = value


def _instance(element: ElementTree.Element, password: str) -> Instance:
    return Instance(
        arn=element.findtext(f"{NS}DBInstanceArn") or "",
        user=element.findtext(f"{NS}MasterUsername") or "",
        password=password,
        database=element.findtext(f"{NS}DBName") or None,
    )
