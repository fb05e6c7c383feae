"""Versions, aliases and layers."""

from __future__ import annotations

import pytest

from tests.conformance.fidelity import documented
from tests.conformance.lab import Lab, zipped

AREA = "Lambda: versions, aliases, layers"
VERSIONS = "lambda/latest/dg/configuration-versions.html"
ALIASES = "lambda/latest/dg/configuration-aliases.html"
WEIGHTS = "lambda/latest/dg/configuring-alias-routing.html"
LAYERS = "lambda/latest/dg/packaging-layers.html"

WHO = """
    import os

    def handler(event, context):
        return [WORD, context.function_version, context.invoked_function_arn, os.environ["AWS_LAMBDA_FUNCTION_VERSION"]]
"""


def saying(word: str) -> str:
    return WHO.replace("WORD", repr(word))


@documented(AREA, "A version is code and configuration as they were; `$LATEST` goes on", VERSIONS)
def test_a_version_stays_as_it_was(lab: Lab) -> None:
    client = lab.aws("lambda")
    function = lab.function(saying("one"))
    assert client.publish_version(FunctionName=function)["Version"] == "1"
    client.update_function_code(FunctionName=function, ZipFile=zipped({"app.py": saying("two")}))
    assert lab.result(function, Qualifier="1") == ["one", "1", lab.arn(f"{function}:1"), "1"]
    assert lab.result(function) == ["two", "$LATEST", lab.arn(function), "$LATEST"]
    assert lab.result(lab.arn(f"{function}:1"))[0] == "one"
    assert lab.invoke(function, Qualifier="1")["ExecutedVersion"] == "1"


@documented(AREA, "An alias runs its version, and follows at once when it is moved", ALIASES)
def test_an_alias_runs_its_version(lab: Lab) -> None:
    client = lab.aws("lambda")
    function = lab.function(saying("one"))
    client.publish_version(FunctionName=function)
    client.update_function_code(FunctionName=function, ZipFile=zipped({"app.py": saying("two")}))
    client.publish_version(FunctionName=function)
    client.create_alias(FunctionName=function, Name="live", FunctionVersion="1")
    arn = lab.arn(f"{function}:live")
    assert lab.result(function, Qualifier="live") == ["one", "1", arn, "1"]
    client.update_alias(FunctionName=function, Name="live", FunctionVersion="2")
    answer = lab.invoke(arn)
    assert answer["ExecutedVersion"] == "2"
    assert b'"two"' in answer["Payload"].read()


@documented(AREA, "A weighted alias shares its invocations between two versions", WEIGHTS)
def test_a_weighted_alias_shares_its_invocations(lab: Lab) -> None:
    client = lab.aws("lambda")
    function = lab.function(saying("one"))
    client.publish_version(FunctionName=function)
    client.update_function_code(FunctionName=function, ZipFile=zipped({"app.py": saying("two")}))
    client.publish_version(FunctionName=function)
    client.create_alias(
        FunctionName=function,
        Name="split",
        FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}},
    )
    words = [lab.result(function, Qualifier="split")[0] for _ in range(40)]
    assert set(words) == {"one", "two"}


@documented(
    AREA,
    "A permission belongs to the qualifier that it was given",
    "lambda/latest/dg/access-control-resource-based.html",
)
def test_a_permission_belongs_to_its_qualifier(lab: Lab) -> None:
    client = lab.aws("lambda")
    function = lab.function("def handler(event, context):\n    return 1\n")
    client.publish_version(FunctionName=function)
    client.create_alias(FunctionName=function, Name="live", FunctionVersion="1")
    api = lab.api({"GET /": f"{function}:live"})
    assert api.get("/").status == 200
    plain = lab.aws("apigatewayv2")
    integration = plain.get_integrations(ApiId=api.id)["Items"][0]["IntegrationId"]
    plain.update_integration(ApiId=api.id, IntegrationId=integration, IntegrationUri=lab.arn(function))
    assert api.get("/").status == 500


def layer(lab: Lab, files: dict[str, str]) -> str:
    made = lab.aws("lambda").publish_layer_version(
        LayerName=lab.name("layer"), Content={"ZipFile": zipped(files)}, CompatibleRuntimes=["python3.13"]
    )
    return str(made["LayerVersionArn"])


@documented(AREA, "A layer's `python` directory is importable, its files lie in `/opt`", LAYERS)
def test_a_layer_is_importable(lab: Lab) -> None:
    shared = layer(lab, {"python/shared.py": "WORD = 'from the layer'", "data/words.txt": "hello"})
    source = """
        import os
        import sys

        import shared

        def handler(event, context):
            root = next(path for path in sys.path if path.endswith("/python") and os.path.exists(path + "/shared.py"))
            return [shared.WORD, open(os.path.join(os.path.dirname(root), "data", "words.txt")).read(), root]
    """
    result = lab.result(lab.function(source, Layers=[shared]))
    assert result[:2] == ["from the layer", "hello"]


@documented(AREA, "Layers are laid over each other in their order, under the function's own code", LAYERS)
def test_layers_are_laid_over_each_other(lab: Lab) -> None:
    one = layer(lab, {"python/a.py": "WHO = 'one'", "python/b.py": "WHO = 'one'", "python/c.py": "WHO = 'one'"})
    two = layer(lab, {"python/b.py": "WHO = 'two'", "python/c.py": "WHO = 'two'"})
    source = "import a, b, c\ndef handler(event, context):\n    return [a.WHO, b.WHO, c.WHO]\n"
    function = lab.function({"app.py": source, "c.py": "WHO = 'function'"}, Layers=[one, two])
    assert lab.result(function) == ["one", "two", "function"]


@documented(AREA, "Another list of layers counts from the next invocation on", LAYERS)
def test_another_layer_counts_from_the_next_invocation_on(lab: Lab) -> None:
    old, new = (layer(lab, {"python/shared.py": f"WORD = {word!r}"}) for word in ("old", "new"))
    function = lab.function("import shared\ndef handler(event, context):\n    return shared.WORD\n", Layers=[old])
    assert lab.result(function) == "old"
    lab.aws("lambda").update_function_configuration(FunctionName=function, Layers=[new])
    assert lab.result(function) == "new"
    lab.aws("lambda").update_function_configuration(FunctionName=function, Layers=[])
    assert lab.failure(function)["errorType"] == "Runtime.ImportModuleError"


@documented(AREA, "`/opt` holds the layers of the function and nothing else", LAYERS)
@pytest.mark.parametrize("name", ["words.txt"])
def test_opt_holds_the_functions_layers(lab: Lab, name: str) -> None:
    shared = layer(lab, {f"data/{name}": "hello"})
    source = f"def handler(event, context):\n    return open('/opt/data/{name}').read()\n"
    assert lab.result(lab.function(source, Layers=[shared])) == "hello"
    assert lab.failure(lab.function(source))["errorType"] == "FileNotFoundError"
