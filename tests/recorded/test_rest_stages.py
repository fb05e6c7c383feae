"""Stages and VPC links of REST APIs as AWS describes, changes and refuses them."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tests.conformance.fidelity import recorded
from tests.conformance.lab import Lab
from tests.recorded.answers import Answers
from tests.recorded.rest_apis import RestLab, patches

AREA = "REST API: stages and VPC links (recorded)"

STAGE = {
    **{"cacheClusterEnabled": False, "cacheClusterStatus": "NOT_AVAILABLE", "methodSettings": {}},
    **{"createdDate": "<date>", "lastUpdatedDate": "<date>", "tracingEnabled": False},
}
LOG = "arn:aws:logs:us-east-1:000000000000:log-group:x"
AT = "/accessLogSettings"
BALANCER = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/net/n/1234567890abcdef"


@pytest.fixture
def rest(lab: Lab, answers: Answers) -> RestLab:
    return RestLab(lab, answers)


@recorded(AREA, "A deployment and a stage tell what they have; stages are listed by their deployment", "2026-02-25")
def test_stages(rest: RestLab) -> None:
    rest.mock()
    ids = []
    for number in (1, 2):
        deployment = rest.client.create_deployment(restApiId=rest.api)
        rest.match(deployment, {"createdDate": "<date>", "id": f"<deployment:{number}>"}, 201)
        ids.append(deployment["id"])
        made = rest.client.create_stage(restApiId=rest.api, stageName=f"s{number}", deploymentId=ids[-1])
        rest.match(made, {**STAGE, "deploymentId": ids[-1], "stageName": f"s{number}"}, 201)
    listed = rest.client.get_stages(restApiId=rest.api, deploymentId=ids[1])
    rest.match(listed, {"item": [{**STAGE, "deploymentId": ids[1], "stageName": "s2"}]})


@recorded(AREA, "Access logs are set by destination and format, and removed as a whole", "2026-02-25")
def test_access_logs(rest: RestLab) -> None:
    rest.mock()
    deployment = rest.client.create_deployment(restApiId=rest.api, stageName="dev")["id"]
    stage = {**STAGE, "deploymentId": deployment, "stageName": "dev"}

    def update(*operation: str) -> Any:
        return rest.client.update_stage(restApiId=rest.api, stageName="dev", patchOperations=patches(operation))

    rest.match(update("add", f"{AT}/destinationArn", LOG), {**stage, "accessLogSettings": {"destinationArn": LOG}})
    both = {"destinationArn": LOG, "format": "$context.requestId"}
    rest.match(update("add", f"{AT}/format", both["format"]), {**stage, "accessLogSettings": both})
    paths = "Invalid accessLogSettings path. Must be one of : [/accessLogSettings/destinationArn, "
    paths += "/accessLogSettings/format]"
    for path in (f"{AT}/random", f"{AT}/*", AT):
        rest.bad(partial(update, "add", path, "x"), paths)
        rest.bad(partial(update, "replace", path, "x"), paths)
    for name in ("random", "*", "destinationArn"):
        text = (
            f"Cannot remove method setting accessLogSettings/{name} because there is no method setting for this method "
        )
        rest.bad(partial(update, "remove", f"{AT}/{name}"), text)
    rest.bad(lambda: update("replace", f"{AT}/format", ""), "Access Log value must not be empty")
    rest.match(update("remove", AT), stage)


@recorded(AREA, "A VPC link is pending at first, and tells its tags when it is read alone", "2025-12-15")
def test_vpc_links(rest: RestLab) -> None:
    client = rest.client
    made = client.create_vpc_link(name="l", targetArns=[BALANCER])
    link = {"id": "<id:1>", "name": "l", "targetArns": [BALANCER]}
    rest.match(made, {**link, "status": "PENDING"}, 202)
    ready = {**link, "status": "AVAILABLE", "statusMessage": "Your vpc link is ready for use"}
    names = {"vpcLinkId": made["id"]}
    rest.match(client.get_vpc_link(**names), {**ready, "tags": {}})
    updated = client.update_vpc_link(**names, patchOperations=patches(("replace", "/name", "m")))
    rest.match(updated, {**ready, "name": "m", "tags": {}})
    rest.match(client.delete_vpc_link(**names), {}, 202)
    rest.missing(lambda: client.get_vpc_link(**names), "Invalid Vpc Link identifier specified")
    text = "Invalid ARN. ARN is not well formed invalid-arn"
    rest.bad(lambda: client.create_vpc_link(name="x", targetArns=["invalid-arn"]), text)
    rest.bad(lambda: client.create_vpc_link(name="", targetArns=[BALANCER]), "Name cannot be empty")
