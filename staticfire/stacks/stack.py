"""One stack in one account: its packages, its database, its Terraform, its outputs.

`up` brings it from any state to applied: packages are built, the database and its role are made, Terraform runs, and
what it answered is recorded together with a fingerprint of everything that went in. While the fingerprint holds, `up`
has nothing to do. The fingerprint holds one life of the emulator: after its death the stack is applied again, and
when its database is older than the emulator, the functions of `rebuild` restore what the emulator had known.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from pg8000.native import DatabaseError, identifier, literal

from staticfire import boto as aws
from staticfire.errors import ApplyError, NotRunningError, StaticfireError
from staticfire.host.files import read_json, write_json
from staticfire.layout import Layout
from staticfire.progress import Progress, Step
from staticfire.settings import Settings
from staticfire.stacks.terraform.output import Resource
from staticfire.stacks.terraform.variables import DEFAULT_ACCOUNT
from staticfire.stacks.terraform.working_copy import WorkingCopy
from staticfire.targets.base import Running

from .packages import build

KEPT_TABLES = ("schema_migrations",)
NO_SUCH_DATABASE = "3D000"
_ADVISORY_LOCK = 5_461_700  # one role or database is made at a time


@dataclass(frozen=True)
class Database:
    """A stack's own database, as its functions reach it. The fields are those of the Terraform variable `database`."""

    host: str
    port: int
    name: str
    username: str
    password: str

    def variable(self) -> dict[str, Any]:
        return self.__dict__.copy()


@dataclass(frozen=True)
class Applied:
    """What the last apply answered."""

    fingerprint: str
    instance: str
    outputs: Mapping[str, Any]


class Stack:
    def __init__(self, settings: Settings, name: str, running: Running, account: str = DEFAULT_ACCOUNT) -> None:
        self.settings = settings
        self.stack = settings.stack(name)
        self.name = name
        self.account = account
        self.running = running
        self.layout = Layout.of(settings)

    @property
    def applied(self) -> Applied | None:
        """The last apply, if the emulator that it went to still lives."""
        record = read_json(self.layout.applied(self.account, self.name))
        of_this_version = record is not None and record.keys() == {each.name for each in fields(Applied)}
        if record is None or not of_this_version or record["instance"] != self.running.instance:
            return None
        return Applied(**record)

    @property
    def outputs(self) -> Mapping[str, Any]:
        if self.applied is None:
            raise NotRunningError(
                f"The stack {self.name!r} is not applied.", remedy=f"Run `staticfire up {self.name}`."
            )
        return self.applied.outputs

    @property
    def url(self) -> str | None:
        """The base URL of the stack's HTTP API, when its outputs name one: `api_id` and `stage`."""
        outputs = self.outputs
        if "api_id" not in outputs:
            return None
        stage = outputs.get("stage") or "$default"
        return f"{self.running.endpoint}/_aws/execute-api/{outputs['api_id']}/{stage}"

    @property
    def database_name(self) -> str:
        """`shop` in the default account, `shop_gw3` for the test worker gw3, `shop_ACCOUNT` elsewhere."""
        base = self.name.replace("-", "_")
        if self.account == DEFAULT_ACCOUNT:
            return base
        worker = re.fullmatch(r"1000000000(\d\d)", self.account)
        return f"{base}_gw{int(worker[1])}" if worker else f"{base}_{self.account}"

    @property
    def database(self) -> Database | None:
        """The stack's database; None when it has none."""
        server = self.running.postgres
        if not self.stack.database or server is None:
            return None
        name = self.database_name
        host, port = server.inside or (server.host, server.port)
        return Database(host, port, name, name, server.password_of(name))

    def up(self, progress: Progress, *, force: bool = False) -> bool:
        """Apply unless nothing changed; whether it was applied."""
        with progress.step(f"Apply {self.name}") as step:
            step.note("packages")
            copy = self._working_copy()
            built = self._build()
            variables = self._variables(built)
            fingerprint = self._fingerprint(copy, variables, built)
            applied = self.applied
            if applied is not None and applied.fingerprint == fingerprint and not force:
                step.done("nothing changed")
                return False
            step.note("database")
            database_is_older = self._prepare_database()
            outputs = copy.apply(variables, step)
            if applied is None and database_is_older:
                self.rebuild(outputs, step)
            record = {"fingerprint": fingerprint, "instance": self.running.instance, "outputs": outputs}
            write_json(self.layout.applied(self.account, self.name), record, 0o600)
        return True

    def shell_environment(self) -> Mapping[str, str]:
        """What a shell needs for tflocal by hand, in the stack's Terraform root, to do what `up` does."""
        built = self._build()
        variables = self._variables(built)
        if built and self.layout.build != self.settings.project / WorkingCopy.BUILD:
            variables["packages"] = {name: str(path) for name, path in built.items()}
        return self._working_copy().runner.shell_variables(variables)

    def plan_is_empty(self, progress: Progress) -> tuple[bool, str]:
        """Whether another apply would change nothing, and what the plan says."""
        with progress.step(f"Plan {self.name}") as step:
            return self._working_copy().plan_is_empty(self._variables(self._build()), step)

    def on_aws(self, progress: Progress) -> list[Resource]:
        """What Terraform would make on AWS: with no given `database`, so with the stack's own."""
        with progress.step(f"Plan {self.name} as on AWS") as step:
            built, copy = self._build(), self._working_copy()
            variables = self._variables(built)
            variables.pop("database", None)
            fingerprint = self._fingerprint(copy, variables, built)
            path = self.layout.planned(self.account, self.name)
            known = read_json(path)
            if known is None or known.get("fingerprint") != fingerprint:
                resources = [asdict(resource) for resource in copy.planned(variables, step)]
                known = {"fingerprint": fingerprint, "resources": resources}
                write_json(path, known, 0o600)
            return [Resource(**resource) for resource in known["resources"]]

    def destroy(self, progress: Progress) -> None:
        """Destroy what Terraform made, then drop the stack's database."""
        with progress.step(f"Destroy {self.name}") as step:
            self._working_copy().destroy(self._variables(self._build()), step)
            self.layout.applied(self.account, self.name).unlink(missing_ok=True)
            self.drop_database()

    def empty_database(self) -> None:
        """Delete every row of the stack's tables; the schema and the record of its migrations stay."""
        database, server = self.database, self.running.postgres
        if database is None or server is None:
            return
        try:
            connection = server.connect(database.name)
        except DatabaseError as error:
            if error.args[0].get("C") != NO_SUCH_DATABASE:
                raise
            return  # the stack was never up
        try:
            rows = connection.run(
                "SELECT schemaname, tablename FROM pg_tables "
                "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            )
            tables = [f"{identifier(schema)}.{identifier(table)}" for schema, table in rows if table not in KEPT_TABLES]
            if tables:
                connection.run(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY CASCADE")
        finally:
            connection.close()

    def _working_copy(self) -> WorkingCopy:
        return WorkingCopy(self.settings, self.stack, self.account, self.running.endpoint)

    def _build(self) -> Mapping[str, Path]:
        return build(self.stack.zips, self.layout)

    def _variables(self, built: Mapping[str, Path]) -> dict[str, Any]:
        variables = dict(self.stack.variables)
        if built:
            variables["packages"] = self._working_copy().packages(built)
        database = self.database
        if database is not None:
            variables["database"] = database.variable()
        return variables

    def _fingerprint(self, copy: WorkingCopy, variables: Mapping[str, Any], built: Mapping[str, Path]) -> str:
        digest = hashlib.sha256(copy.digest().encode())
        digest.update(json.dumps([variables, self.running.endpoint, self.running.region], sort_keys=True).encode())
        for _, path in sorted(built.items()):
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()

    def _prepare_database(self) -> bool:
        """Make the role and the database; whether the database was there before."""
        database, server = self.database, self.running.postgres
        if database is None or server is None:
            return False
        role, name = identifier(database.username), identifier(database.name)
        connection = server.connect()
        try:
            connection.run(f"SELECT pg_advisory_lock({_ADVISORY_LOCK})")
            known = connection.run("SELECT 1 FROM pg_roles WHERE rolname = :name", name=database.username)
            verb = "ALTER" if known else "CREATE"
            connection.run(f"{verb} ROLE {role} LOGIN PASSWORD {literal(database.password)}")
            older = bool(connection.run("SELECT 1 FROM pg_database WHERE datname = :name", name=database.name))
            if not older:
                connection.run(f"CREATE DATABASE {name} OWNER {role}")
                connection.run(f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC")
        finally:
            connection.close()
        return older

    def drop_database(self) -> None:
        """Drop the stack's database and role; one that is not there is no error."""
        database, server = self.database, self.running.postgres
        if database is None or server is None:
            return
        connection = server.connect()
        try:
            connection.run(f"DROP DATABASE IF EXISTS {identifier(database.name)} WITH (FORCE)")
            connection.run(f"DROP ROLE IF EXISTS {identifier(database.username)}")
        finally:
            connection.close()

    def rebuild(self, outputs: Mapping[str, Any], step: Step) -> None:
        """Have the stack restore what only the emulator holds, from what is in the database."""
        for rebuild in self.stack.rebuild:
            name = outputs.get(rebuild.output)
            if not isinstance(name, str):
                raise ApplyError(
                    f"stacks.{self.name}.rebuild names the output {rebuild.output!r}, which names no function.",
                    checked=[f"outputs: {', '.join(sorted(outputs))}"],
                )
            step.note(f"rebuild: {name}")
            client = self.client("lambda", read_timeout=900)
            answer = client.invoke(FunctionName=name, Payload=json.dumps(dict(rebuild.payload)).encode())
            if "FunctionError" in answer:
                raise StaticfireError(
                    f"The function {name} failed to rebuild the stack's data: {answer['Payload'].read().decode()}",
                    checked=[f"payload: {json.dumps(dict(rebuild.payload))}"],
                    remedy=f"See `staticfire logs --function {name}`, then run `staticfire apply {self.name}`.",
                )

    def client(self, service: str, **config: Any) -> Any:
        """A boto3 client of this stack's account."""
        return client(self.running, self.account, service, **config)


def client(running: Running, account: str, service: str, **config: Any) -> Any:
    """A boto3 client of an account in the running stack."""
    return aws.client(running.endpoint, running.region, account, service, **config)


def reset(stacks: list[Stack]) -> None:
    """Empty the data of the given stacks and of their accounts; everything that Terraform made stays."""
    for stack in stacks:
        stack.empty_database()
    for running, account in {
        (stack.running.endpoint, stack.account): (stack.running, stack.account) for stack in stacks
    }.values():
        _empty_tables(client(running, account, "dynamodb"))
        _empty_buckets(client(running, account, "s3"))
        _empty_queues(client(running, account, "sqs"))


def _empty_tables(dynamodb: Any) -> None:
    for page in dynamodb.get_paginator("list_tables").paginate():
        for name in page["TableNames"]:
            keys = [key["AttributeName"] for key in dynamodb.describe_table(TableName=name)["Table"]["KeySchema"]]
            names = {f"#k{number}": key for number, key in enumerate(keys)}
            scan = dynamodb.get_paginator("scan").paginate(
                TableName=name,
                ProjectionExpression=",".join(names),
                ExpressionAttributeNames=names,
                ConsistentRead=True,
            )
            requests = [{"DeleteRequest": {"Key": item}} for items in scan for item in items["Items"]]
            while requests:
                answer = dynamodb.batch_write_item(RequestItems={name: requests[:25]})
                requests = requests[25:] + answer.get("UnprocessedItems", {}).get(name, [])


def _empty_buckets(s3: Any) -> None:
    for bucket in s3.list_buckets()["Buckets"]:
        name = bucket["Name"]
        if name.startswith("tf-test-state"):
            continue  # Terraform's state describes what stays
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
            objects = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            for entry in objects:
                s3.delete_object(Bucket=name, Key=entry["Key"], VersionId=entry["VersionId"])


def _empty_queues(sqs: Any) -> None:
    for page in sqs.get_paginator("list_queues").paginate():
        for url in page.get("QueueUrls", []):
            sqs.purge_queue(QueueUrl=url)
