"""What an `endpoints` block costs the AWS provider: `python -m benchmarks.provider_block [ROUNDS]`.

Plans of one queue, with the block and without, in turns; the CPU that Terraform and the provider took. Nothing is asked
of AWS: the plan makes the queue, and so reads nothing.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from staticfire.settings import load
from staticfire.stacks.terraform.finding import find_provider, find_terraform

ROOT = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
provider "aws" {
  region                      = "us-east-1"
  access_key                  = "000000000000"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
  %s
}
resource "aws_sqs_queue" "one" {
  name = "one"
}
"""
BLOCKS = {"without a block": "", "with one endpoint": 'endpoints {\n    sqs = "http://127.0.0.1:4566"\n  }'}


def main() -> int:
    settings = load()
    terraform = find_terraform(settings)
    provider = find_provider(settings, terraform)
    with tempfile.TemporaryDirectory() as directory:
        variables = {**os.environ, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
        variables.pop("TF_CLI_CONFIG_FILE", None)
        if provider.mirror:
            configuration = Path(directory, "terraform.rc")
            configuration.write_text(
                f'provider_installation {{\n  filesystem_mirror {{\n    path = "{provider.mirror}"\n  }}\n}}\n'
            )
            variables["TF_CLI_CONFIG_FILE"] = str(configuration)
        seconds: dict[str, list[float]] = {name: [] for name in BLOCKS}
        for number, block in enumerate(BLOCKS.values()):
            root = Path(directory, str(number))
            root.mkdir()
            (root / "main.tf").write_text(ROOT % block)
            run = [str(terraform.path), "init", "-input=false"]
            subprocess.run(run, cwd=root, env=variables, check=True, stdout=subprocess.DEVNULL)
        for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 5):
            for number, name in enumerate(BLOCKS):
                before = _cpu_seconds()
                run = [str(terraform.path), "plan", "-input=false", "-lock=false"]
                subprocess.run(
                    run, cwd=Path(directory, str(number)), env=variables, check=True, stdout=subprocess.DEVNULL
                )
                seconds[name].append(_cpu_seconds() - before)
    for name, values in seconds.items():
        print(f"{name:<18} {median(values):.1f} s of the CPU")
    return 0


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    sys.exit(main())
