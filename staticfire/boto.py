"""boto3 clients of the running stack, whatever this machine's own AWS configuration and proxies are.

Profiles, configuration files, service endpoints and proxies that the user has set up are for real accounts. None of
them is read here: no call of ours can leave for AWS, and a profile that does not exist is not an error.
"""

from __future__ import annotations

import os
from typing import Any


def client(endpoint: str, region: str, account: str, service: str, **config: Any) -> Any:
    """A boto3 client of `account` at `endpoint`; `config` goes to botocore's Config."""
    # A command that calls nothing does without them: they take as long to import as all the rest.
    import boto3
    import botocore.session
    from botocore.config import Config

    # Every variable of botocore's session: not read from variables or files, and with its default.
    defaults = {
        name: (None, None, os.devnull if name in ("config_file", "credentials_file") else default, convert)
        for name, (_, _, default, convert) in botocore.session.Session.SESSION_VARIABLES.items()
    }
    session = boto3.session.Session(botocore_session=botocore.session.Session(session_vars=defaults))
    return session.client(
        service,
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=account,
        aws_secret_access_key="test",
        config=Config(
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
            proxies={},
            inject_host_prefix=False,
            **config,
        ),
    )
