"""RDS: an instance is a real database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pg8000.exceptions import DatabaseError
from pg8000.native import Connection

from tests.conformance.fidelity import documented
from tests.conformance.lab import Lab, eventually

AREA = "RDS for PostgreSQL"
CREATE = "AmazonRDS/latest/APIReference/API_CreateDBInstance.html"
MODIFY = "AmazonRDS/latest/APIReference/API_ModifyDBInstance.html"
DELETE = "AmazonRDS/latest/APIReference/API_DeleteDBInstance.html"
CONNECT = "AmazonRDS/latest/UserGuide/USER_ConnectToPostgreSQLInstance.html"


def create(lab: Lab, **settings: Any) -> dict[str, Any]:
    client = lab.aws("rds")
    name = lab.name("db")
    client.create_db_instance(
        **{
            "DBInstanceIdentifier": name,
            "Engine": "postgres",
            "DBInstanceClass": "db.t4g.micro",
            "AllocatedStorage": 20,
            "DBName": name.replace("-", "_"),
            "MasterUsername": name.replace("-", "_"),
            "MasterUserPassword": "correct horse battery",
            **settings,
        }
    )
    return available(lab, name)


def available(lab: Lab, name: str) -> dict[str, Any]:
    def instance() -> dict[str, Any] | None:
        [described] = lab.aws("rds").describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
        if described["DBInstanceStatus"] != "available":
            return None
        address = (described["Endpoint"]["Address"], described["Endpoint"]["Port"])
        return {**described, "Reached": lab.reached.get(address, address)}

    return dict(eventually(instance, "an available instance"))


@contextmanager
def connected(instance: dict[str, Any], password: str = "correct horse battery") -> Iterator[Connection]:
    host, port = instance["Reached"]
    connection = Connection(
        instance["MasterUsername"],
        host,
        instance["DBName"],
        port,
        password,
        timeout=30,
    )
    try:
        yield connection
    finally:
        connection.close()


@documented(AREA, "An instance is a database with the name, user and password given, at its endpoint", CREATE)
def test_an_instance_is_a_real_database(lab: Lab) -> None:
    with connected(create(lab)) as connection:
        connection.run("CREATE TABLE t (n numeric)")
        connection.run("INSERT INTO t VALUES (0.1), (0.2)")
        assert str(connection.run("SELECT sum(n) FROM t")[0][0]) == "0.3"


@documented(AREA, "A wrong password is refused", CONNECT)
def test_a_wrong_password_is_refused(lab: Lab) -> None:
    instance = create(lab)
    with pytest.raises(DatabaseError, match="password"), connected(instance, "wrong"):
        pass


@documented(AREA, "The listing tells the same endpoint", CONNECT)
def test_the_listing_tells_the_same_endpoint(lab: Lab) -> None:
    instance = create(lab)
    listed = {
        described["DBInstanceIdentifier"]: described["Endpoint"]
        for page in lab.aws("rds").get_paginator("describe_db_instances").paginate()
        for described in page["DBInstances"]
    }
    assert listed[instance["DBInstanceIdentifier"]] == instance["Endpoint"]


@documented(AREA, "A new password counts", MODIFY)
def test_a_new_password_counts(lab: Lab) -> None:
    instance = create(lab)
    lab.aws("rds").modify_db_instance(
        DBInstanceIdentifier=instance["DBInstanceIdentifier"],
        MasterUserPassword="another password",
        ApplyImmediately=True,
    )
    with connected(instance, "another password") as connection:
        assert connection.run("SELECT 1") == [[1]]
    with pytest.raises(DatabaseError, match="password"), connected(instance):
        pass


@documented(AREA, "One instance's user has no way into another's database", CREATE)
def test_instances_are_apart(lab: Lab) -> None:
    one, two = create(lab), create(lab)
    with pytest.raises(DatabaseError, match="permission"), connected({**one, "DBName": two["DBName"]}):
        pass


@documented(AREA, "A deleted instance takes its database along", DELETE)
def test_a_deleted_instance_takes_its_database_along(lab: Lab) -> None:
    instance = create(lab)
    lab.aws("rds").delete_db_instance(DBInstanceIdentifier=instance["DBInstanceIdentifier"], SkipFinalSnapshot=True)
    with pytest.raises(DatabaseError), connected(instance):
        pass


@documented(AREA, "RDS has engines beside PostgreSQL", CREATE, "PostgreSQL only: others are refused with an error")
@pytest.mark.parametrize("engine", ["mysql", "aurora-postgresql"])
def test_another_engine_is_refused_clearly(lab: Lab, engine: str) -> None:
    with pytest.raises(ClientError, match="PostgreSQL"):
        create(lab, Engine=engine)


@documented(AREA, "Clusters, replicas, restores", CREATE, "not done: refused with an error that says so")
def test_a_cluster_is_refused_clearly(lab: Lab) -> None:
    with pytest.raises(ClientError, match="cluster"):
        lab.aws("rds").create_db_cluster(
            DBClusterIdentifier=lab.name("c"), Engine="postgres", MasterUsername="u", MasterUserPassword="password1"
        )
