"""Messages to clients, by API Gateway's `@connections`: each is a signed call to the API's own endpoint."""

import os
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError
from servicekit.clients import client
from servicekit.http import json_text

logger = Logger()


@lru_cache(8)
def _client(domain: str, stage: str) -> Any:
    # Where AWS is said to be elsewhere, it is there too.
    endpoint = None if "AWS_ENDPOINT_URL" in os.environ else f"https://{domain}/{stage}"
    return client("apigatewaymanagementapi", endpoint_url=endpoint)


class Connections:
    """Those of the API that an event came from."""

    def __init__(self, context: dict[str, Any]) -> None:
        self._client = _client(context["domainName"], context["stage"])

    def send(self, connections: Iterable[str], message: dict[str, Any]) -> list[str]:
        """Send it to each; those that are gone."""
        data, gone = json_text(message).encode(), []
        for connection in connections:
            try:
                self._client.post_to_connection(ConnectionId=connection, Data=data)
            except self._client.exceptions.GoneException:
                gone.append(connection)
            except ClientError as error:  # the others get it all the same
                logger.warning("a client was not told", connection=connection, problem=str(error))
        return gone
