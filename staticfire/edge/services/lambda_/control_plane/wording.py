"""Where AWS, as it was recorded, says or demands otherwise than its published model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from staticfire.edge.aws.protocol import Wording

# In the order in which AWS lists them.
RUNTIMES = (
    *("nodejs20.x", "python3.14", "provided.al2023", "python3.12", "python3.13", "nodejs24.x", "nodejs22.x"),
    *("java25", "python3.10", "python3.11", "java21", "ruby3.3", "ruby3.4", "ruby3.2", "python3.8", "python3.9"),
    *("java17", "nodejs16.x", "dotnet10", "dotnet8", "java11", "dotnet6", "nodejs18.x", "provided.al2", "java8.al2"),
)
# In AWS's model, and not yet among those that it listed.
LATER_RUNTIMES = ("nodejs26.x", "python3.15", "ruby4.0", "java8.al2023", "java11.al2023", "java17.al2023")
DEPRECATED_RUNTIMES = (
    *("nodejs", "nodejs4.3", "nodejs4.3-edge", "nodejs6.10", "nodejs8.10", "nodejs10.x", "nodejs12.x", "nodejs14.x"),
    *("java8", "python2.7", "python3.6", "python3.7", "dotnetcore1.0", "dotnetcore2.0", "dotnetcore2.1"),
    *("dotnetcore3.1", "go1.x", "ruby2.5", "ruby2.7", "provided"),
)
# What ListLayers and ListLayerVersions know.
_LISTED_RUNTIMES = (
    *("ruby3.5", "ruby2.6", "dotnetcore1.0", "python3.7", "nodejs8.10", "nasa", "ruby2.7"),
    *("python2.7-greengrass", "dotnetcore2.0", "python3.8", "java21", "dotnet6", "dotnetcore2.1", "python3.9"),
    *("java11", "nodejs6.10", "provided", "dotnetcore3.1", "dotnet8", "java25", "java17", "nodejs", "nodejs4.3"),
    *("java8.al2", "go1.x", "dotnet10", "nodejs20.x", "go1.9", "byol", "nodejs10.x", "provided.al2023"),
    *("nodejs22.x", "python3.10", "java8", "nodejs12.x", "python3.11", "nodejs24.x", "nodejs8.x", "python3.12"),
    *("nodejs14.x", "nodejs8.9", "nodejs26.x", "python3.13", "python3.14", "nodejs16.x", "python3.15"),
    *("provided.al2", "nodejs4.3-edge", "nodejs18.x", "ruby3.2", "python3.4", "ruby3.3", "ruby3.4", "ruby2.5"),
    *("python3.6", "python2.7"),
)
MOST_COMPATIBLE = 15  # runtimes of a layer version, by AWS's model
LISTED = f"Member must satisfy enum value set: [{', '.join(RUNTIMES)}]"

_REGION = r"(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}"
_UUID = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"


def _between(least: int, most: int) -> Callable[[Any], str | None]:
    def problem(value: Any) -> str | None:
        if value > most:
            return f"Member must have value less than or equal to {most}"
        return f"Member must have value greater than or equal to {least}" if value < least else None

    return problem


def _compatible(runtimes: Any) -> str | None:
    if len(runtimes) > MOST_COMPATIBLE:
        return f"Member must have length less than or equal to {MOST_COMPATIBLE}"
    known = {*RUNTIMES, *LATER_RUNTIMES, *DEPRECATED_RUNTIMES}
    return None if set(runtimes) <= known else LISTED


def _compatible_architectures(architectures: Any) -> str | None:
    if set(architectures) <= {"x86_64", "arm64"}:
        return None
    return (
        "Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]"
    )


def _any(value: Any) -> None:
    """It is looked at later, and refused in other words."""


_OPERATIONS = ("CreateFunction", "UpdateFunctionConfiguration")
WORDING = Wording(
    patterns={
        "TaggableResource": (
            rf"arn:(aws[a-zA-Z-]*):lambda:{_REGION}:\d{{12}}:(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|"
            rf"layer:([a-zA-Z0-9-_]+)|code-signing-config:csc-[a-z0-9]{{17}}|event-source-mapping:{_UUID}|"
            "capacity-provider:[a-zA-Z0-9-_]+)"
        ),
        "LayerVersionArn": (
            rf"(arn:(aws[a-zA-Z-]*)?:lambda:{_REGION}:\d{{12}}:layer:[a-zA-Z0-9-_]+:[0-9]+)|"
            "(arn:[a-zA-Z0-9-]+:lambda:::awslayer:[a-zA-Z0-9-_]+)"
        ),
    },
    enums={"Runtime": _LISTED_RUNTIMES},
    own={
        **{f"{operation}.Runtime": _any for operation in _OPERATIONS},
        # The model's limits are those of managed instances.
        **{f"{operation}.Timeout": _between(1, 900) for operation in _OPERATIONS},
        **{f"{operation}.MemorySize": _between(128, 10240) for operation in _OPERATIONS},
        **{f"{operation}.ephemeralStorage.Size": _between(512, 10240) for operation in _OPERATIONS},
        "PublishLayerVersion.CompatibleRuntimes": _compatible,
        "PublishLayerVersion.CompatibleArchitectures": _compatible_architectures,
        "PutFunctionConcurrency.ReservedConcurrentExecutions": _any,
    },
    late={"PublishLayerVersion": "CompatibleArchitectures"},
    body_limits={"CreateFunction": 70167211, "UpdateFunctionCode": 70167211, "PublishLayerVersion": 70167211},
)
