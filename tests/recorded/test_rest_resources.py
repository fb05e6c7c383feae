"""Resources and methods of REST APIs as AWS describes, changes and refuses them."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

from tests.conformance.fidelity import recorded
from tests.conformance.lab import Lab
from tests.recorded.answers import Answers
from tests.recorded.rest_apis import RestLab, patches

AREA = "REST API: resources and methods (recorded)"

NO_RESOURCE = "Invalid Resource identifier specified"
NO_METHOD = "Invalid Method identifier specified"
NO_AUTHORIZER = (
    "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires a valid "
    "authorizer."
)
PLAIN = {"apiKeyRequired": False, "authorizationType": "NONE", "httpMethod": "ANY"}
PARAMETER = "method.request.querystring.optional"


@pytest.fixture
def rest(lab: Lab, answers: Answers) -> RestLab:
    return RestLab(lab, answers)


def add(rest: RestLab, parent: str, part: str) -> Any:
    return rest.client.create_resource(restApiId=rest.api, parentId=parent, pathPart=part)


def move(rest: RestLab, resource: str, *operation: str) -> Any:
    return rest.client.update_resource(restApiId=rest.api, resourceId=resource, patchOperations=patches(operation))


@recorded(AREA, "A resource takes those below it along when its path part changes, and when it goes", "2024-04-15")
def test_resources(rest: RestLab) -> None:
    pets = add(rest, rest.root, "pets")
    rest.match(pets, {"id": "<id:1>", "parentId": "<root:1>", "path": "/pets", "pathPart": "pets"}, 201)
    add(rest, pets["id"], "subpets")
    renamed = {"id": "<id:1>", "parentId": "<root:1>", "path": "/dogs", "pathPart": "dogs"}
    rest.match(move(rest, pets["id"], "replace", "/pathPart", "dogs"), renamed)
    paths = {one["path"] for one in rest.client.get_resources(restApiId=rest.api)["items"]}
    assert paths == {"/", "/dogs", "/dogs/subpets"}
    rest.match(rest.client.delete_resource(restApiId=rest.api, resourceId=pets["id"]), {}, 202)
    left = rest.client.get_resources(restApiId=rest.api)
    rest.match(left, {"items": [{"id": "<root:1>", "path": "/"}]})


@recorded(AREA, "What a resource cannot become is refused: a sibling's name, its own child, the root", "2024-04-15")
def test_moves_that_are_refused(rest: RestLab) -> None:
    pets = add(rest, rest.root, "pets")["id"]
    sub = add(rest, pets, "subpets")["id"]
    child = add(rest, sub, "pets")["id"]
    rest.missing(lambda: move(rest, "fake", "replace", "/pathPart", "dogs"), NO_RESOURCE)
    rest.missing(lambda: move(rest, pets, "replace", "/parentId", "fake"), NO_RESOURCE)
    taken = "Another resource with the same parent already has this name: pets"
    rest.conflicts(lambda: move(rest, child, "replace", "/parentId", rest.root), taken)
    rest.bad(lambda: move(rest, sub, "replace", "/parentId", child), "Resources cannot be cyclical.")
    no_path = "Invalid patch path  '/invalid' specified for op 'replace'. Must be one of: [/parentId, /pathPart]"
    rest.bad(lambda: move(rest, pets, "replace", "/invalid", "dogs"), no_path)
    no_operation = "Invalid patch path  '/pathPart' specified for op 'remove'. Please choose supported operations"
    rest.bad(lambda: move(rest, pets, "remove", "/pathPart", "dogs"), no_operation)
    for member in ("pathPart", "parentId"):
        text = f"Root resource cannot update its {member}."
        rest.bad(partial(move, rest, rest.root, "replace", f"/{member}", "x"), text)


@recorded(AREA, "Below a greedy variable nothing stands, beside a variable no other", "2024-04-15")
def test_variables(rest: RestLab) -> None:
    greedy = add(rest, rest.root, "{proxy+}")["id"]
    sibling = "A sibling ({proxy+}) of this resource already has a variable path part -- only one is allowed"
    rest.bad(lambda: add(rest, rest.root, "{dynamic}"), sibling)
    below = "Cannot create a child of a resource with a greedy path variable: {proxy+}"
    rest.bad(lambda: add(rest, greedy, "child"), below)
    parent = add(rest, rest.root, "parent")["id"]
    assert add(rest, parent, "{child+}")["path"] == "/parent/{child+}"


@recorded(AREA, "A method tells its parameters and models; one that is gone is not found", "2024-04-15")
def test_methods(rest: RestLab) -> None:
    parameters = {"method.request.header.h": False, "method.request.querystring.q": True}
    names = {"restApiId": rest.api, "resourceId": rest.root, "httpMethod": "ANY"}
    put = rest.client.put_method(**names, authorizationType="NONE", requestParameters=parameters)
    rest.match(put, {**PLAIN, "requestParameters": parameters}, 201)
    rest.match(rest.client.get_method(**names), {**PLAIN, "requestParameters": parameters})
    rest.match(rest.client.delete_method(**names), {}, 204)
    rest.missing(lambda: rest.client.get_method(**names), NO_METHOD)
    rest.missing(lambda: rest.client.delete_method(**names), NO_METHOD)


@recorded(AREA, "What a method names and the API lacks is refused: authorizer, validator, model", "2024-04-15")
def test_methods_that_are_refused(rest: RestLab) -> None:
    def put(**settings: Any) -> Any:
        return lambda: rest.method("ANY", **settings)

    rest.missing(put(restApiId="fake-api", httpMethod="WRONG"), NO_RESOURCE)
    verbs = "Invalid HttpMethod specified. Valid options are GET,PUT,POST,DELETE,PATCH,OPTIONS,HEAD,ANY"
    rest.bad(put(httpMethod="WRONG"), verbs)
    rest.bad(put(authorizationType="CUSTOM"), NO_AUTHORIZER)
    rest.bad(put(requestValidatorId="fake"), "Invalid Request Validator identifier specified")
    rest.bad(put(requestModels={"application/json": "petModel"}), "Invalid model identifier specified: petModel")
    same = {"method.request.querystring.one": False, "method.request.header.one": False}
    text = "Parameter names must be unique across querystring, header and path"
    rest.bad(put(requestParameters=same), text)


@recorded(AREA, "Patches of a method: maps by their entries, the rest by `replace`", "2024-04-15")
def test_patches_of_a_method(rest: RestLab) -> None:
    names = rest.method("ANY")

    def update(*operations: tuple[str, ...]) -> Any:
        return rest.client.update_method(**names, patchOperations=patches(*operations))

    at, model = f"/requestParameters/{PARAMETER}", "/requestModels/application~1json"
    more = {"requestModels": {"application/json": "Empty"}, "requestParameters": {PARAMETER: True}}
    rest.match(update(("add", at, "true"), ("add", model, "Empty")), PLAIN | more)
    named = {"operationName": "Named", "apiKeyRequired": True, "authorizationType": "AWS_IAM"}
    replaced = [("replace", f"/{name}", str(value).replace("True", "true")) for name, value in named.items()]
    rest.match(update(*replaced), PLAIN | more | named)
    rest.match(update(("remove", at), ("remove", model)), PLAIN | named)
    only = "Invalid patch operation specified. Must be one of: [replace]"
    rest.bad(lambda: update(("add", "/operationName", "x")), only)
    rest.bad(lambda: update(("add", "/requestValidatorId", "x")), only)
    rest.bad(lambda: update(("add", "/httpMethod", "PUT")), "Invalid patch path /httpMethod")
    rest.bad(lambda: update(("replace", "/requestParameters", "x")), "Invalid patch path /requestParameters")
    path = "/requestModels/application/json"
    rest.bad(lambda: update(("add", path, "Empty")), f"Invalid patch path {path}")
    rest.bad(lambda: update(("replace", "/authorizationType", "CUSTOM")), NO_AUTHORIZER)
    assert update(("replace", "/apiKeyRequired", "whatever"))["apiKeyRequired"] is False


@recorded(AREA, "A model that a method names is not deleted, and the method is told", "2024-04-15")
def test_models_in_use(rest: RestLab) -> None:
    schema = json.dumps({"title": "MySchema", "type": "object"})
    rest.client.create_model(restApiId=rest.api, name="MySchema", contentType="application/json", schema=schema)
    names = rest.method("ANY", requestModels={"application/json": "MySchema"})
    used = "Cannot delete model 'MySchema', is referenced in method request: //ANY"
    rest.conflicts(lambda: rest.client.delete_model(restApiId=rest.api, modelName="MySchema"), used)
    rest.client.delete_method(**names)
    rest.match(rest.client.delete_model(restApiId=rest.api, modelName="MySchema"), {}, 202)
