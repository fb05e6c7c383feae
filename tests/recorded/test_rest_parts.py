"""Models, validators, gateway responses and documentation of REST APIs as AWS describes and refuses them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance.fidelity import recorded
from tests.conformance.lab import Lab
from tests.recorded.answers import Answers
from tests.recorded.rest_apis import RestLab, patches

AREA = "REST API: models, validators, gateway responses, documentation (recorded)"

TEMPLATES = {"application/json": '{"message":$context.error.messageString}'}
DEFAULT = {"defaultResponse": True, "responseParameters": {}, "responseTemplates": TEMPLATES}
SCHEMA = json.dumps({"title": "MySchema", "type": "object"})


@pytest.fixture
def rest(lab: Lab, answers: Answers) -> RestLab:
    return RestLab(lab, answers)


@recorded(AREA, "A new API has the models Empty and Error", "2024-04-15")
def test_default_models(rest: RestLab) -> None:
    models = rest.client.get_models(restApiId=rest.api)
    models["items"].sort(key=lambda model: model["name"])
    draft = "http://json-schema.org/draft-04/schema#"
    error = {"$schema": draft, "title": "Error Schema", "type": "object"}
    error["properties"] = {"message": {"type": "string"}}  # type: ignore[assignment]
    kinds = {"Empty": {"$schema": draft, "title": "Empty Schema", "type": "object"}, "Error": error}
    described = [
        {
            **{"id": f"<id:{name}>", "name": name, "contentType": "application/json", "schema": schema},
            "description": f"This is a default {name.lower()} schema model",
        }
        for name, schema in kinds.items()
    ]
    rest.match(models, {"items": described})


@recorded(
    AREA, "A model needs a name of its own and a schema; its description and schema can be replaced", "2024-04-15"
)
def test_models(rest: RestLab) -> None:
    def create(**settings: Any) -> Any:
        plain = {"restApiId": rest.api, "name": "MySchema", "contentType": "application/json", "schema": SCHEMA}
        return rest.client.create_model(**{**plain, **settings})

    model = {"contentType": "application/json", "id": "<id:1>", "name": "MySchema", "schema": json.loads(SCHEMA)}
    rest.match(create(description=""), model, 201)
    rest.missing(lambda: create(restApiId="abcde0"), rest.no_api("abcde0"))
    rest.conflicts(create, "Model name already exists for this REST API")
    rest.bad(lambda: create(name=""), "Model name must be non-empty")
    empty = "Model schema must have at least 1 property or array items defined"
    rest.bad(lambda: create(name="Other", schema=""), empty)

    def update(*operation: str) -> Any:
        one = patches(operation)
        return rest.client.update_model(restApiId=rest.api, modelName="MySchema", patchOperations=one)

    changed = {"title": "Updated", "type": "object"}
    rest.match(update("replace", "/schema", json.dumps(changed)), {**model, "schema": changed})
    text = "Invalid patch path  '/name' specified for op 'replace'. Must be one of: [/description, /schema]"
    rest.bad(lambda: update("replace", "/name", "x"), text)
    text = "Invalid patch path  '/wrong' specified for op 'add'. Please choose supported operations"
    rest.bad(lambda: update("add", "/wrong", "x"), text)
    unknown = "Invalid model name specified: Unknown"
    rest.missing(lambda: rest.client.get_model(restApiId=rest.api, modelName="Unknown"), unknown)


@recorded(AREA, "A validator validates what it was described; a value that is missing is false", "2025-07-02")
def test_validators(rest: RestLab) -> None:
    made = rest.client.create_request_validator(restApiId=rest.api, name="v")
    plain = {"id": "<id:1>", "name": "v", "validateRequestBody": False, "validateRequestParameters": False}
    rest.match(made, plain, 201)
    names = {"restApiId": rest.api, "requestValidatorId": made["id"]}

    def update(*operation: str) -> Any:
        return rest.client.update_request_validator(**names, patchOperations=patches(operation))

    rest.match(update("replace", "/validateRequestBody", "true"), {**plain, "validateRequestBody": True})
    rest.match(update("replace", "/validateRequestBody"), plain)
    rest.bad(lambda: update("replace", "/name"), "Request Validator name cannot be blank")
    paths = "[/name, /validateRequestParameters, /validateRequestBody]"
    text = f"Invalid patch path  '/invalid' specified for op 'replace'. Must be one of: {paths}"
    rest.bad(lambda: update("replace", "/invalid", "true"), text)
    rest.match(rest.client.delete_request_validator(**names), {}, 202)
    gone = "Invalid Request Validator identifier specified"
    rest.missing(lambda: rest.client.get_request_validator(**names), gone)
    create = rest.client.create_request_validator
    rest.bad(lambda: create(restApiId="api_id", name="v"), "Invalid REST API identifier specified")


@recorded(AREA, "A gateway response that is not put is AWS's own, or that of its class", "2024-06-20")
def test_gateway_responses(rest: RestLab) -> None:
    client, kind = rest.client, {"restApiId": rest.api, "responseType": "MISSING_AUTHENTICATION_TOKEN"}
    described = {"responseType": kind["responseType"], "statusCode": "403", **DEFAULT}
    rest.match(client.get_gateway_response(**kind), described)
    rest.missing(lambda: client.delete_gateway_response(**kind), "Gateway response type not defined on api")
    put = client.put_gateway_response(**kind, statusCode="404")
    rest.match(put, {**described, "statusCode": "404", "defaultResponse": False}, 201)
    rest.match(client.delete_gateway_response(**kind), {}, 202)
    rest.match(client.get_gateway_response(**kind), described)
    header = {"gatewayresponse.header.x": "'y'"}
    general = {"restApiId": rest.api, "responseType": "DEFAULT_5XX", "statusCode": "599"}
    client.put_gateway_response(**general, responseParameters=header)
    other = client.get_gateway_response(restApiId=rest.api, responseType="API_CONFIGURATION_ERROR")
    of_class = {"responseType": "API_CONFIGURATION_ERROR", "statusCode": "599", "responseParameters": header}
    rest.match(other, {**DEFAULT, **of_class})


@recorded(AREA, "Patches of a gateway response make it the API's own", "2024-04-15")
def test_patches_of_gateway_responses(rest: RestLab) -> None:
    def update(*operation: str) -> Any:
        names = {"restApiId": rest.api, "responseType": "DEFAULT_4XX"}
        return rest.client.update_gateway_response(**names, patchOperations=patches(operation))

    own = {"defaultResponse": False, "responseType": "DEFAULT_4XX", "statusCode": "444"}
    rest.match(update("replace", "/statusCode", "444"), {**DEFAULT, **own})
    rest.bad(lambda: update("add", "/statusCode", "444"), "Invalid patch path /statusCode")
    rest.bad(lambda: update("add", "/wrongPath", "444"), "Invalid patch path /wrongPath")
    text = "Invalid parameter name specified"
    rest.missing(lambda: update("replace", "/responseParameters/gatewayresponse.header.X", "'y'"), text)


@recorded(AREA, "Documentation parts are kept as they were written; one that is gone is not found", "2024-04-15")
def test_documentation_parts(rest: RestLab) -> None:
    create = rest.client.create_documentation_part
    made = create(restApiId=rest.api, location={"type": "API"}, properties='{ "description": "d" }')
    part = {"id": "<id:1>", "location": {"type": "API"}, "properties": {"description": "d"}}
    rest.match(made, part, 201)
    names = {"restApiId": rest.api, "documentationPartId": made["id"]}
    changed = patches(("replace", "/properties", '{ "description": "e" }'))
    updated = rest.client.update_documentation_part(**names, patchOperations=changed)
    rest.match(updated, {**part, "properties": {"description": "e"}})
    rest.match(
        rest.client.get_documentation_parts(restApiId=rest.api),
        {"items": [{**part, "properties": {"description": "e"}}]},
    )
    rest.match(rest.client.delete_documentation_part(**names), {}, 202)
    gone = "Invalid Documentation part identifier specified"
    rest.missing(lambda: rest.client.delete_documentation_part(**names), gone)
    body = '{"openapi": '
    bad = "Unable to build importer with provided input."
    rest.bad(lambda: rest.client.import_documentation_parts(restApiId=rest.api, mode="overwrite", body=body), bad)


@recorded(AREA, "An authorizer tells how long its answers are kept only where that was said", "2024-04-12")
def test_an_authorizer(rest: RestLab, lab: Lab) -> None:
    function = f"arn:aws:lambda:{lab.region}:{lab.account}:function:f"
    uri = f"arn:aws:apigateway:{lab.region}:lambda:path/2015-03-31/functions/{function}/invocations"
    settings = {"name": "a", "type": "TOKEN", "authorizerUri": uri, "identitySource": "method.request.header.Auth"}
    authorizer = {**settings, "authType": "custom", "id": "<id:1>"}
    rest.match(rest.client.create_authorizer(restApiId=rest.api, **settings), authorizer, 201)


@recorded(AREA, "API keys are listed newest first, and looked for by the beginning of their names", "2024-10-10")
def test_api_keys(rest: RestLab, lab: Lab) -> None:
    prefix = lab.name("key")
    first, second = (rest.client.create_api_key(name=f"{prefix}-{number}") for number in (1, 2))
    dates = {"createdDate": "<date>", "lastUpdatedDate": "<date>"}

    def key(number: int) -> dict[str, Any]:
        return {"id": f"<id:{number}>", "name": f"{prefix}-{number}", "enabled": False, "stageKeys": [], **dates}

    rest.match(first, {**key(1), "value": "<value:1>"}, 201)
    rest.match(second, {**key(2), "value": "<value:2>"}, 201)
    rest.match(rest.client.get_api_keys(nameQuery=prefix), {"items": [key(2), key(1)]})
    for other in (prefix.upper(), prefix[2:]):
        rest.match(rest.client.get_api_keys(nameQuery=other), {"items": []})
    rest.match(rest.client.get_usage_plan_keys(usagePlanId="bad-id"), {"items": []})


SWAGGER = {
    "swagger": "2.0",
    "info": {"title": "Pets", "version": "1.0"},
    "paths": {
        "/": {
            "get": {
                "responses": {"200": {"description": "200 response"}},
                "x-amazon-apigateway-integration": {
                    "type": "mock",
                    "requestTemplates": {"application/json": '{"statusCode": 200}'},
                    "responses": {"default": {"statusCode": "200", "responseTemplates": {"text/html": "<html>"}}},
                },
            }
        }
    },
}


@recorded(
    AREA, "An export tells the media types of templates too, and in version 3 the stage as the base path", "2024-04-15"
)
def test_exports(rest: RestLab) -> None:
    api = rest.client.import_rest_api(body=json.dumps(SWAGGER))["id"]
    rest.client.create_deployment(restApiId=api, stageName="local")
    second, third = (
        rest.client.get_export(restApiId=api, stageName="local", exportType=kind) for kind in ("swagger", "oas30")
    )
    document = json.loads(second["body"].read())
    assert (document["basePath"], second["contentDisposition"]) == ("/local", 'attachment; filename="swagger_1.0.json"')
    media = {"consumes": ["application/json"], "produces": ["text/html"]}
    assert document["paths"]["/"]["get"] == {**media, "responses": {"200": {"description": "200 response"}}}
    document = json.loads(third["body"].read())
    assert document["servers"][0]["variables"] == {"basePath": {"default": "local"}}
    assert document["components"] == {}
    assert document["paths"]["/"]["get"] == {"responses": {"200": {"description": "200 response", "content": {}}}}
