"""The init function: brings the database's schema up to date. Terraform invokes it when this package has changed."""

import logging
from pathlib import Path
from typing import Any

from servicekit import migrations
from servicekit.database import Database

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)

MIGRATIONS = Path(__file__).with_name("migrations")


def handler(event: Any, context: Any) -> dict[str, Any]:
    database = Database.from_environment(statement_seconds=None)
    try:
        outcome = migrations.migrate(database.connection(), migrations.read(MIGRATIONS))
    finally:
        database.close()
    logger.info("schema is up to date", extra={"version": outcome.version, "applied": outcome.applied})
    return {"version": outcome.version, "applied": outcome.applied}
