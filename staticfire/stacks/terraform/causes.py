"""What to do about an error of Terraform: the remedy of its cause, by what it says."""

from __future__ import annotations

import re

# Of a text that several fit, the first says what is wrong: the narrowest come first.
REMEDIES = (
    (
        r"Unsupported Terraform Core version|required_version",
        "The configuration asks for another Terraform: install it, and name its binary in the setting `terraform` "
        "(STATICFIRE_TERRAFORM).",
    ),
    (
        r"Failed to query available provider packages|Could not retrieve the list of available versions|"
        r"no available releases match|Could not retrieve providers|Failed to install provider|"
        r"does not have a provider named|provider .* was not found in any of the search locations",
        "This machine does not have that version of the provider, and the registry did not give it. With network, run "
        "the command again; without one, name a directory that holds it in the setting `provider_mirror` "
        "(`terraform providers mirror DIR` makes one), or allow another version in `required_providers`.",
    ),
    (
        r"Module not found|Could not download module|Failed to download module|Unreadable module directory|"
        r"Error accessing remote module registry|Failed to retrieve available versions for module|Module not installed",
        "The module's source cannot be read: correct its path, or run the command with network, so that Terraform "
        "fetches it.",
    ),
    (
        r"No value for required variable|The root module input variable .* is not set",
        "Give the variable a value: in terraform.tfvars, with -var or -var-file, as TF_VAR_name, or in "
        "[stacks.NAME.variables] of staticfire.toml.",
    ),
    (r"Unable to find remote state|No stored state was found", "Bring the other stack up first: `staticfire up NAME`."),
    (
        r"Backend initialization required|Error (?:loading|configuring) .*backend|Invalid backend configuration|"
        r"Failed to get existing workspaces",
        "The state is kept in the local S3, whatever the configuration says: see `staticfire status`.",
    ),
    (
        r"Error acquiring the state lock",
        "Another Terraform works on this stack: wait for it, or end it.",
    ),
    (
        r"archive has not been created|could not archive missing|no such file or directory|Invalid value for \"path\"|"
        r"no file exists at|missing (?:file|directory)|unable to load \"|is not a directory",
        "A file that the configuration names is missing. If a step before Terraform makes it (make, npm, pip, a "
        "script), run that first; files that git ignores are taken as well.",
    ),
    (
        r"local-exec provisioner error|Error running command",
        "A program that the configuration runs failed: its own message is above. What it needs must be here.",
    ),
    (
        r"failed to get shared config profile|No valid credential sources|InvalidClientTokenId|ExpiredToken|"
        r"Cannot assume IAM Role|no EC2 IMDS role found",
        "Credentials are not needed here, and a provider asked for some. If it is not `hashicorp/aws`, it has to be "
        "told of the endpoint itself; `staticfire env` prints what leads there.",
    ),
    (
        r"connection refused|no such host|i/o timeout|dial tcp|context deadline exceeded",
        "Something that the configuration asks cannot be reached. `staticfire status` says whether the stack's own "
        "parts are well; anything else needs a network.",
    ),
    (
        r"NotImplemented|not (?:yet )?(?:been )?implemented|is not supported by|StatusCode: 501|UnknownOperation|"
        r"InvalidAction|Unknown (?:operation|action|path)",
        "This AWS call is not there locally. Leave the resource out for local runs (`count`); "
        "docs/fidelity.md has what is there.",
    ),
    (
        r"StatusCode: 4\d\d|api error",
        "The local AWS refused it, as AWS may: what it says is above. If AWS takes it, it is a gap here.",
    ),
    (
        r"expected \S+ to be one of \[",
        "The provider's version does not know that value. If AWS has it, the provider is older than it: allow a newer "
        "one in `required_providers`, and have Terraform take it (`terraform init -upgrade`); or name one of the list.",
    ),
    (
        r"Unsupported argument|Unsupported block type|Invalid resource type|Invalid data source",
        "The provider's version does "
        "not know what the configuration says: pin the version that it is written for in `required_providers`.",
    ),
)
GENERAL = "Correct the cause and run the command again: what was made so far is kept."
AFRESH = " To begin afresh, without the data: `staticfire down --wipe`, then `staticfire up`."


def remedy_of(command: str, text: str) -> str:
    """The remedy of what Terraform said last."""
    flat = re.sub(r"[\s│╷╵]+", " ", text)
    last = flat[flat.rfind("Error: ") :] if "Error: " in flat else flat
    for part in (last, flat):
        for pattern, remedy in REMEDIES:
            if re.search(pattern, part):
                return remedy
    return GENERAL + (AFRESH if command in ("apply", "destroy") else "")
