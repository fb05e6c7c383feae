"""OpenAPI documents, whoever wrote them: what they say is read, what is none is refused, within bounds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from staticfire.edge.aws.calls import AwsError
from staticfire.edge.services.apigateway.openapi.documents import MAX_BYTES, UnreadableDocument, parse
from staticfire.edge.services.apigateway.openapi.http_reading import MOST_ROUTES, read_http
from staticfire.edge.services.apigateway.openapi.reading import ReadApi, read
from staticfire.edge.services.apigateway.openapi.schemas import flattened, referring, template_of

MOCK = {"type": "mock", "responses": {"default": {"statusCode": 200}}}


def document(**members: Any) -> dict[str, Any]:
    return {"openapi": "3.0.1", "info": {"title": "t", "version": "1"}, "paths": {}, **members}


def of_path(operation: dict[str, Any], **members: Any) -> ReadApi:
    return read(document(paths={"/x": {"get": operation}}, **members))


def test_yaml_and_json_say_the_same() -> None:
    yaml = (
        b"openapi: 3.0.1\ninfo: {title: t, version: '1'}\npaths:\n  /x:\n    get:\n      responses:\n        200: {}\n"
    )
    assert list(read(parse(yaml)).methods["/x"]["GET"].responses) == ["200"]
    assert read(parse(json.dumps(document()).encode())).title == "t"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"just text",
        b"\xff\xfe\x00",
        b"openapi: [",
        b"a: &a [*a]",
        b"{" * 100_000,
        b'{"a":' * 50_000,
        b"x" * (MAX_BYTES + 1),
        b"!!python/object/apply:os.system ['true']",
    ],
    ids=["empty", "a list", "text", "no text", "broken", "a cycle", "braces", "deep", "large", "code"],
)
def test_what_is_no_document_is_refused(body: bytes) -> None:
    with pytest.raises(UnreadableDocument):
        parse(body)


def test_a_bomb_of_merge_keys_does_not_go_off() -> None:
    lines = ["a0: &a0 {x0: 1, x1: 1, x2: 1, x3: 1, x4: 1, x5: 1, x6: 1, x7: 1, x8: 1, x9: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 12)]
    with pytest.raises(UnreadableDocument, match="values"):
        parse("\n".join(lines).encode())
    assert parse(b"a: &a {x: 1}\nb: {<<: *a, y: 2}")["b"] == {"x": 1, "y": 2}


def http_integration(**members: Any) -> Any:
    integration = {"type": "aws_proxy", "uri": "arn:aws:lambda:eu-west-1:123456789012:function:f", **members}
    operation = {"x-amazon-apigateway-integration": integration}
    return read_http(json.dumps(document(paths={"/x": {"get": operation}})), None).integrations["GET /x"]


def test_numbers_of_an_http_integration_are_what_the_api_has() -> None:
    read = http_integration(payloadFormatVersion=2.0, timeoutInMillis="5000")
    assert (read["PayloadFormatVersion"], read["TimeoutInMillis"]) == ("2.0", 5000)


@pytest.mark.parametrize(
    "members", [{"uri": {"Fn::Sub": "${F.Arn}"}}, {"timeoutInMillis": "soon"}, {"requestParameters": "x"}], ids=str
)
def test_members_of_an_http_integration_that_are_none_are_refused(members: dict[str, Any]) -> None:
    with pytest.raises(AwsError, match="Invalid OpenAPI input"):
        http_integration(**members)


def test_an_audience_is_a_list_whatever_the_document_has() -> None:
    jwt = {"issuer": "https://a", "audience": "our-clients"}
    scheme = {"type": "oauth2", "x-amazon-apigateway-authorizer": {"type": "jwt", "jwtConfiguration": jwt}}
    read = read_http(
        json.dumps(
            document(
                paths={"/x": {"get": {}}}, security=[{"jwt": ["s"]}], components={"securitySchemes": {"jwt": scheme}}
            )
        ),
        None,
    )
    assert read.authorizers["jwt"]["JwtConfiguration"] == {"Issuer": "https://a", "Audience": ["our-clients"]}


@pytest.mark.parametrize("cors", [{"allowOrigins": "*"}, {"maxAge": "long"}, {"maxAge": [1]}], ids=str)
def test_cors_that_is_none_is_refused(cors: dict[str, Any]) -> None:
    with pytest.raises(AwsError, match="x-amazon-apigateway-cors"):
        read_http(json.dumps({**document(), "x-amazon-apigateway-cors": cors}), None)


def test_the_routes_of_an_http_document_are_bounded() -> None:
    operation = {"x-amazon-apigateway-integration": {"type": "http_proxy", "uri": "http://a", "httpMethod": "GET"}}
    paths = {f"/{number}": {"get": operation} for number in range(MOST_ROUTES + 1)}
    with pytest.raises(AwsError, match="more than"):
        read_http(json.dumps(document(paths=paths)), None)


def test_a_bomb_of_aliases_does_not_go_off() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(UnreadableDocument, match="values"):
        parse("\n".join(lines).encode())


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"info": {}}, "info.title"),
        ({"paths": []}, "paths must be an object"),
        ({"paths": {"x": {}}}, "does not begin with /"),
        ({"paths": {"/x": {"get": {"parameters": {}}}}}, "parameters of GET /x must be a list"),
        ({"paths": {"/x": {"get": {"parameters": [{"$ref": "#/nowhere"}]}}}}, "which is not there"),
        ({"paths": {"/x": {"get": {"parameters": [{"$ref": "https://example.com/a"}]}}}}, "within the document"),
        ({"paths": {"/x": {"$ref": "#/paths/~1x"}}}, "refers to itself"),
        ({"paths": {"/x": {"get": {"security": [{"unknown": []}]}}}}, "which is not defined"),
        ({"paths": {"/x": {"get": {"x-amazon-apigateway-request-validator": "v"}}}}, "which is not defined"),
        ({"components": {"schemas": []}}, "components.schemas must be an object"),
        ({"servers": "x"}, "servers must be a list"),
    ],
)
def test_what_a_document_cannot_say_is_refused(members: dict[str, Any], words: str) -> None:
    with pytest.raises(AwsError, match=words) as error:
        read(document(**members))
    assert error.value.code == "BadRequestException"


def test_a_document_of_neither_version_is_refused() -> None:
    with pytest.raises(AwsError, match="neither `swagger` nor `openapi`"):
        read({"info": {"title": "t"}, "paths": {}})


def test_parameters_of_a_path_and_of_an_operation() -> None:
    shared = {"parameters": [{"name": "id", "in": "path"}, {"name": "c", "in": "cookie"}]}
    own = {"parameters": [{"name": "q", "in": "query", "required": True}, {"$ref": "#/components/parameters/H"}]}
    components = {"parameters": {"H": {"name": "h", "in": "header"}}}
    api = read(document(paths={"/{id}": {**shared, "get": own}}, components=components))
    assert api.methods["/{id}"]["GET"].parameters == {
        "method.request.path.id": True,
        "method.request.querystring.q": True,
        "method.request.header.h": False,
    }


def test_models_by_reference_and_those_that_stand_in_an_operation() -> None:
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}}
    answer = {"content": {"application/json": {"schema": {"type": "array"}}}}
    schemas = {"Pet": {"type": "object"}}
    api = of_path({"requestBody": body, "responses": {"200": answer}}, components={"schemas": schemas})
    method = api.methods["/x"]["GET"]
    assert method.models == {"application/json": "Pet"}
    [made] = method.responses["200"]["responseModels"].values()
    assert made.startswith("MODEL")
    assert api.models == {"Pet": {"type": "object"}, made: {"type": "array"}}


@pytest.mark.parametrize(
    ("how", "path"), [("ignore", "/test"), ("prepend", "/base/part/test"), ("split", "/part/test")]
)
def test_base_paths(how: str, path: str) -> None:
    third = document(paths={"/test": {"get": {}}}, servers=[{"url": "https://x.example.com/base/part/"}])
    second = {"swagger": "2.0", "basePath": "/base/part", "info": {"title": "t"}, "paths": {"/test": {"get": {}}}}
    for one in (third, second):
        assert list(read(one, how).methods) == [path]


def test_security_becomes_authorizers_and_keys() -> None:
    extension = {"type": "token", "authorizerUri": "arn", "authorizerResultTtlInSeconds": "60"}
    schemes = {
        "custom": {
            **{"type": "apiKey", "name": "Auth", "in": "header", "x-amazon-apigateway-authtype": "custom"},
            "x-amazon-apigateway-authorizer": extension,
        },
        "key": {"type": "apiKey", "name": "x-api-key", "in": "header"},
        "signed": {"type": "apiKey", "name": "Authorization", "x-amazon-apigateway-authtype": "awsSigv4"},
    }
    components = {"securitySchemes": schemes}
    both = of_path({"security": [{"custom": [], "key": []}]}, components=components)
    access = both.methods["/x"]["GET"].access
    assert (access.authorization, access.authorizer, access.api_key) == ("CUSTOM", "custom", True)
    assert both.authorizers["custom"]["identitySource"] == "method.request.header.Auth"
    assert both.authorizers["custom"]["authorizerResultTtlInSeconds"] == 60
    signed = of_path({}, components=components, security=[{"signed": []}])
    assert signed.methods["/x"]["GET"].access.authorization == "AWS_IAM"
    nobody = of_path({"security": []}, components=components, security=[{"signed": []}])
    assert nobody.methods["/x"]["GET"].access.authorization == "NONE"


def test_schemas_that_refer_to_themselves() -> None:
    person = {"type": "object", "properties": {"parent": {"$ref": "#/components/schemas/Person"}}}
    text = json.dumps(referring(person, "abc", {"Person": "Person"}))
    assert "https://apigateway.amazonaws.com/restapis/abc/models/Person" in text
    model = {"name": "Person", "schema": text}
    assert json.loads(flattened(model, {"Person": model}))["definitions"].keys() == {"Person"}
    assert template_of(model, {"Person": model}).startswith("#set($inputRoot")
