"""Functions that are container images: pushed to ECR, started as the image and ImageConfig say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from tests.conformance.fidelity import documented
from tests.conformance.lab import Lab, eventually, together
from tests.images import (
    BOOTSTRAP,
    ENTRYPOINT,
    OCI_INDEX,
    BuiltImage,
    Entry,
    RegistryClient,
    bash_image,
    bash_layer,
    build,
    directory,
    file,
    hard_link,
    link,
    program,
    repository_path,
)

AREA = "Lambda: container images"
CREATE = "lambda/latest/dg/images-create.html"
PARAMETERS = "lambda/latest/dg/images-parms.html"
BASES = "lambda/latest/dg/images-test.html"
EXTENSIONS = "lambda/latest/dg/extensions-configuration.html"

ON = "2025-11-25"

Deploy = Callable[..., str]


class Images:
    """A repository, and functions made of what is pushed to it."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.registry = lab, RegistryClient.of(lab.aws("ecr"))
        name = lab.name("images")
        self.uri = lab.aws("ecr").create_repository(repositoryName=name)["repository"]["repositoryUri"]

    def push(self, image: BuiltImage, tag: str | None = None) -> str:
        """The URI of the image."""
        tag = tag or self.lab.name("tag")
        self.registry.push(repository_path(self.uri), tag, image)
        return f"{self.uri}:{tag}"

    def create(self, uri: str, **settings: Any) -> dict[str, Any]:
        name = self.lab.name()
        made = self.lab.aws("lambda").create_function(
            FunctionName=name,
            PackageType="Image",
            Code={"ImageUri": uri},
            Role=self.lab.role(),
            **{"Timeout": 10, "MemorySize": 256, **settings},
        )
        waiter = self.lab.aws("lambda").get_waiter("function_active_v2")
        waiter.wait(FunctionName=name, WaiterConfig={"Delay": 0.2, "MaxAttempts": 300})
        return dict(made)

    def function(self, image: BuiltImage, **settings: Any) -> str:
        return str(self.create(self.push(image), **settings)["FunctionName"])


@pytest.fixture(scope="module")
def images(lab: Lab) -> Images:
    return Images(lab)


@documented(AREA, "An image of ECR is a function's package: it is described by its digest", CREATE, recorded=ON)
def test_a_function_of_an_image_is_described(lab: Lab, images: Images) -> None:
    image = bash_image("echo 1")
    uri = images.push(image)
    config = {"Command": ["-c", "echo test"], "EntryPoint": ["sh"], "WorkingDirectory": "/app1"}
    made = images.create(uri, ImageConfig=config)
    digest = image.digest.removeprefix("sha256:")
    assert (made["CodeSha256"], made["CodeSize"], made["PackageType"]) == (digest, 0, "Image")
    assert made["ImageConfigResponse"] == {"ImageConfig": config}
    assert not {"Runtime", "Handler", "RuntimeVersionConfig", "Layers"} & made.keys()
    client, name = lab.aws("lambda"), made["FunctionName"]
    repository = uri.rpartition(":")[0]
    assert client.get_function(FunctionName=name)["Code"] == {
        "RepositoryType": "ECR",
        "ImageUri": uri,
        "ResolvedImageUri": f"{repository}@{image.digest}",
    }
    with pytest.raises(ClientError) as refused:
        client.update_function_code(FunctionName=name, ZipFile=b"zip")
    assert refused.value.response["Error"] == {
        "Code": "InvalidParameterValueException",
        "Message": "Please provide ImageUri when updating a function with packageType Image.",
    }
    client.update_function_configuration(FunctionName=name, ImageConfig={})
    assert "ImageConfigResponse" not in client.get_function_configuration(FunctionName=name)


@documented(
    AREA,
    "ENTRYPOINT, CMD, WORKDIR and ENV of the image start it; ImageConfig overrides the first three",
    PARAMETERS,
)
def test_how_an_image_starts(lab: Lab, images: Images) -> None:
    tell = 'echo "[\\"$*\\", \\"$PWD\\", \\"$GREETING\\", \\"$OWN\\"]"'
    places = [directory("srv/one"), directory("srv/two"), program("other", BOOTSTRAP)]
    image = bash_image(
        tell, places, Cmd=["a", "b"], WorkingDir="/srv/one", Env=["PATH=/bin", "GREETING=of the image", "OWN=image"]
    )
    variables = {"Variables": {"OWN": "function"}}
    plain = images.function(image, Environment=variables)
    assert lab.result(plain) == ["a b", "/srv/one", "of the image", "function"]
    over = {"EntryPoint": ["/other"], "Command": ["c"], "WorkingDirectory": "/srv/two"}
    uri = lab.aws("lambda").get_function(FunctionName=plain)["Code"]["ImageUri"]
    other = images.create(uri, ImageConfig=over, Environment=variables)["FunctionName"]
    assert lab.result(other) == ["c", "/srv/two", "of the image", "function"]


@documented(
    AREA,
    "An image is its layers, one over the other: later ones hide and replace what earlier ones have",
    "https://github.com/opencontainers/image-spec/blob/main/layer.md",
)
def test_layers_lie_over_one_another(lab: Lab, images: Images) -> None:
    below = [
        file("data/kept", "kept"),
        file("data/gone", "gone"),
        file("data/changed", "before"),
        file("opaque/old/file", "old"),
        file("folder/inside", "inside"),
        link("linked", "/data"),
    ]
    above = [
        file("data/.wh.gone", ""),
        file("data/changed", "after"),
        file("opaque/new", "new"),
        file("opaque/.wh..wh..opq", ""),
        file("folder.tmp", ""),
        file(".wh.folder", ""),
        file("linked/through", "through"),
        hard_link("hard", "data/kept"),
    ]
    tell = 'for F in /data/* /opaque/* /folder/* /hard; do [ -e "$F" ] && R="$R $F=$(<"$F")"; done; echo "\\"$R\\""'
    seen = lab.result(images.function(bash_image(tell, below, above))).split()
    assert sorted(seen) == [
        "/data/changed=after",
        "/data/kept=kept",
        "/data/through=through",
        "/hard=kept",
        "/opaque/new=new",
    ]


@documented(
    AREA,
    "Only /tmp can be written to; what others may not read in the image, the function may not",
    CREATE,
)
def test_what_a_function_of_an_image_may(lab: Lab, images: Images) -> None:
    secret = [file("secret", "s", mode=0o600), file("open", "o", mode=0o644)]
    tell = (
        "A=no; (echo x > /file) 2>/dev/null && A=yes; B=no; (echo x > /tmp/file) && B=yes; "
        'C=no; (: < /secret) 2>/dev/null && C=yes; D=no; (: < /open) && D=yes; echo "\\"$A $B $C $D\\""'
    )
    assert lab.result(images.function(bash_image(tell, secret))) == "no yes no yes"


@documented(
    AREA,
    "AWS's base images choose by AWS_LAMBDA_RUNTIME_API: their own runtime, or the emulator of it",
    BASES,
)
def test_the_entrypoint_of_awss_base_images(lab: Lab, images: Images) -> None:
    layer = [
        program("lambda-entrypoint.sh", ENTRYPOINT),
        program("var/runtime/bootstrap", BOOTSTRAP),
        program("usr/local/bin/aws-lambda-rie", "#!/bin/bash\nexit 66\n"),
        file("app/handler", 'handle() { echo "\\"$_HANDLER\\""\n}\n'),
    ]
    image = build(
        [bash_layer(), layer], Entrypoint=["/lambda-entrypoint.sh"], Cmd=["app.handler"], WorkingDir="/var/task"
    )
    function = images.function(image, ImageConfig={"WorkingDirectory": "/"})
    assert lab.result(function) == "app.handler"
    wrong = images.function(image, ImageConfig={"Command": ["a", "b"], "WorkingDirectory": "/"})
    assert lab.failure(wrong)["errorMessage"].endswith("exit status 142")


@documented(
    AREA,
    "An entrypoint that is not there, or a working directory, is told",
    "lambda/latest/dg/troubleshooting-invocation.html",
)
@pytest.mark.parametrize(
    ("config", "kind", "message"),
    [
        ({"EntryPoint": ["/none"]}, "Runtime.InvalidEntrypoint", "fork/exec /none: no such file or directory"),
        ({"EntryPoint": ["none"]}, "Runtime.InvalidEntrypoint", 'exec: "none": executable file not found in $PATH'),
        ({"WorkingDirectory": "/none"}, "Runtime.InvalidWorkingDir", "chdir /none: no such file or directory"),
    ],
)
def test_what_keeps_an_image_from_starting(
    lab: Lab, images: Images, config: dict[str, Any], kind: str, message: str
) -> None:
    failed = lab.failure(images.function(bash_image("echo 1"), ImageConfig=config))
    assert failed["errorType"] == kind
    assert message in failed["errorMessage"]


@documented(
    AREA,
    "A command that no process of Linux takes is told, and holds nothing up",
    "lambda/latest/dg/troubleshooting-invocation.html",
)
def test_a_command_of_an_image_that_is_too_long(lab: Lab, images: Images) -> None:
    long = bash_image('echo "${#1}"', Cmd=["x" * 100_000])
    assert lab.result(images.function(long)) == 100_000
    longer = images.function(bash_image("echo 1", Cmd=["x" * 200_000]))
    assert "argument list too long" in lab.failure(longer)["errorMessage"]
    variables = images.function(bash_image("echo 1", Env=["PATH=/bin", "X=" + "x" * 200_000]))
    assert "argument list too long" in lab.failure(variables)["errorMessage"]


@documented(
    AREA,
    "What an image's variables say to the dynamic linker holds inside of it",
    CREATE,
)
def test_variables_of_an_image_are_for_what_is_in_it(lab: Lab, images: Images, tmp_path: Path) -> None:
    """The linker writes where LD_DEBUG_OUTPUT says: the machine has that directory, and the image has not."""
    hostile = bash_image("echo 1", Env=["PATH=/bin", "LD_DEBUG=libs", f"LD_DEBUG_OUTPUT={tmp_path}/linker"])
    lab.invoke(images.function(hostile))
    assert list(tmp_path.iterdir()) == []


@documented(AREA, "Programs in /opt/extensions of an image run beside it", EXTENSIONS)
def test_extensions_of_an_image(lab: Lab, images: Images) -> None:
    extension = r"""#!/bin/bash
API=/dev/tcp/${AWS_LAMBDA_RUNTIME_API/:/\/}
exec 3<>"$API"
printf 'POST /2020-01-01/extension/register HTTP/1.1\r\nHost: api\r\nLambda-Extension-Name: beside\r\n' >&3
printf 'Content-Length: 21\r\n\r\n{"events":["INVOKE"]}' >&3
while IFS= read -r LINE <&3; do
  LINE=${LINE%$'\r'}
  [ -z "$LINE" ] && break
  case "${LINE,,}" in lambda-extension-identifier:*) ID=${LINE#*: } ;; esac
done
echo registered > /tmp/beside
while true; do
  exec 4<>"$API"
  printf 'GET /2020-01-01/extension/event/next HTTP/1.1\r\nHost: api\r\n' >&4
  printf 'Lambda-Extension-Identifier: %s\r\n\r\n' "$ID" >&4
  IFS= read -r LINE <&4
done
"""
    image = bash_image('echo "\\"$(</tmp/beside)\\""', [program("opt/extensions/beside", extension)])
    assert lab.result(images.function(image)) == "registered"


@documented(AREA, "A tag that moves changes no function until its code is updated", CREATE)
def test_a_function_keeps_its_image(lab: Lab, images: Images) -> None:
    uri = images.push(bash_image("echo 1"), "moving")
    function = images.create(uri)["FunctionName"]
    second = bash_image("echo 2")
    images.push(second, "moving")
    assert lab.result(function) == 1
    lab.aws("ecr").batch_delete_image(
        repositoryName=repository_path(images.uri).partition("/")[2], imageIds=[{"imageTag": "moving"}]
    )
    images.push(second, "moving")
    lab.aws("lambda").update_function_code(FunctionName=function, ImageUri=uri)
    assert lab.result(function) == 2


@documented(AREA, "An image that is not there, or of a kind that Lambda does not take, is refused", CREATE)
def test_images_that_are_refused(lab: Lab, images: Images) -> None:
    def refusal(uri: str) -> str:
        with pytest.raises(ClientError) as refused:
            images.create(uri)
        assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException"
        return str(refused.value.response["Error"]["Message"])

    absent = f"{images.uri}:absent"
    assert refusal(absent) == f"Source image {absent} does not exist. Provide a valid source image."
    assert "is not valid. Provide a valid source image." in refusal("public.ecr.aws/lambda/python:3.13")
    image = bash_image("echo 1")
    images.push(image, "part")
    listed = {"mediaType": image.media_type, "digest": image.digest, "size": len(image.manifest)}
    index = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [listed]}).encode()
    images.registry.put_manifest(repository_path(images.uri), "index", index, OCI_INDEX)
    assert "media type for the source image" in refusal(f"{images.uri}:index")
    zstd = build([[file("a", "a")]], layer_type="application/vnd.oci.image.layer.v1.tar+zstd")
    assert "media type for the source image" in refusal(images.push(zstd))


ESCAPES: list[tuple[list[Entry], str]] = [
    ([file("../../outside", "x")], "leads out of the image"),
    ([link("out", "../../../../../../outside-of"), file("out/../../x", "x")], "leads out of the image"),
    ([Entry("device", kind=b"4")], "is a device"),
    ([hard_link("hard", "../../etc/passwd")], "leads out of the image"),
    ([file("d/" * 300 + "deep", "x")], "lies deeper than"),
    ([file("n" * 300, "x")], "cannot be made"),
    ([file(f"top-{number}", "") for number in range(600)], "at the top of its file system"),
]


@documented(
    AREA, "An image that would write outside of itself makes no function: it is `Failed`, with the reason", CREATE
)
@pytest.mark.parametrize(("entries", "why"), ESCAPES)
def test_a_hostile_image(lab: Lab, images: Images, entries: list[Entry], why: str) -> None:
    uri = images.push(bash_image("echo 1", entries))
    with pytest.raises(WaiterError) as ended:
        images.create(uri)
    made = ended.value.last_response["Configuration"]
    assert (made["State"], made["StateReasonCode"]) == ("Failed", "InvalidImage")
    assert why in made["StateReason"]
    with pytest.raises(ClientError, match=why):
        lab.invoke(made["FunctionName"])


@documented(
    AREA, "An update to an image that cannot be unpacked has failed, with the reason; the next one may do", CREATE
)
def test_an_update_to_a_broken_image(lab: Lab, images: Images) -> None:
    client, function = lab.aws("lambda"), images.function(bash_image("echo 1"))
    broken = images.push(bash_image("echo 2", [Entry("device", kind=b"4")]))
    with pytest.raises(WaiterError) as ended:  # the client waits for each update
        client.update_function_code(FunctionName=function, ImageUri=broken)
    made = ended.value.last_response["Configuration"]
    assert (made["State"], made["LastUpdateStatusReasonCode"]) == ("Active", "InvalidImage")
    assert "is a device" in made["LastUpdateStatusReason"]
    client.update_function_code(FunctionName=function, ImageUri=images.push(bash_image("echo 3")))
    assert lab.result(function) == 3


@documented(
    AREA,
    "What holds for other functions holds for images: concurrency, logs, time-outs, ends",
    CREATE,
)
def test_what_holds_for_every_runtime(lab: Lab, images: Images) -> None:
    handler = (
        'case "$EVENT" in \'"line"\') echo "a line" >&2 ;; \'"exit"\') kill -9 $$ ;; '
        '\'"sleep"\') read -t 30 <> <(:) ;; \'"wait"\') read -t 1 <> <(:) ;; esac; echo "$EVENT"'
    )
    function = images.function(bash_image(handler), Timeout=3)
    assert lab.result(function, "line") == "line"
    eventually(lambda: "a line" in lab.lines(f"/aws/lambda/{function}"), "the line in the log")
    assert together(3, lambda number: lab.result(function, "wait")) == ["wait"] * 3
    assert "timed out after 3.00 seconds" in lab.failure(function, "sleep")["errorMessage"]
    assert lab.failure(function, "exit")["errorType"] == "Runtime.ExitError"
    assert lab.result(function, {"a": 1}) == {"a": 1}
