"""Variables that lead Terraform, tflocal, the AWS CLI and boto3 to the running stack, or elsewhere."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

DEFAULT_ACCOUNT = "000000000000"
CONFIGURATION_FILE = "TF_CLI_CONFIG_FILE"
FROM_ENV = "STATICFIRE_SHELL"  # what `staticfire env` set in this shell for one stack, and what means no other
MISLEADING = {"TF_WORKSPACE", "TF_DATA_DIR", "TF_LOG", "LOCALSTACK_HOSTNAME", "EDGE_PORT", "DRY_RUN", "USE_EXEC"}


def is_misleading(variable: str) -> bool:
    """Whether that variable of the user's would lead Terraform or tflocal elsewhere, or keep it from starting."""
    if variable == CONFIGURATION_FILE:
        return not Path(os.environ[variable]).is_file()
    if variable in os.environ.get(FROM_ENV, "").split():
        return True
    return variable.startswith(("AWS_", "TF_CLI_ARGS")) or variable in MISLEADING


def clean_variables() -> dict[str, str]:
    """The user's variables without the misleading ones."""
    return {name: value for name, value in os.environ.items() if not is_misleading(name)}


def users_terraform_variables() -> dict[str, str]:
    """The `TF_VAR_NAME` of the user's shell."""
    return {name: value for name, value in clean_variables().items() if name.startswith("TF_VAR_")}


def users_workspace() -> str:
    """The workspace that the user's shell names."""
    return "" if "TF_WORKSPACE" in os.environ.get(FROM_ENV, "").split() else os.environ.get("TF_WORKSPACE", "")


def missing_configuration() -> str | None:
    """What to say of a CLI configuration that is named and is not there; Terraform itself would only fail."""
    named = os.environ.get(CONFIGURATION_FILE)
    if not named or not is_misleading(CONFIGURATION_FILE):
        return None
    return f"{CONFIGURATION_FILE} names {named}, which is not a file: Terraform runs without it"


def caller_variables(endpoint: str, region: str, account: str) -> dict[str, str]:
    """What tflocal, Terraform, the AWS CLI and boto3 need to reach `account` in the running stack."""
    host = urlsplit(endpoint).hostname or "127.0.0.1"
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",  # `sync-127.0.0.1` is no host
        "S3_HOSTNAME": host,
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
        "AWS_ACCESS_KEY_ID": account,
        "AWS_SECRET_ACCESS_KEY": "test",
        "CUSTOMIZE_ACCESS_KEY": "1",
        "DISABLE_DEPRECATION_NOTICE": "1",
        **dict.fromkeys(("NO_PROXY", "no_proxy"), _direct(host)),
    }


def _direct(host: str) -> str:
    """The hosts that no proxy stands before: the user's own, this machine, and the endpoint's."""
    users = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    return ",".join(dict.fromkeys(filter(None, (*users.split(","), "127.0.0.1", "localhost", host))))
