"""ECR: repositories and images by AWS's API, and the distribution API that engines push by."""

from __future__ import annotations

import base64
import gzip
import json
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conformance.fidelity import documented
from tests.conformance.lab import Answer, Lab, send
from tests.images import (
    OCI_INDEX,
    OCI_MANIFEST,
    BuiltImage,
    RegistryClient,
    build,
    file,
    repository_path,
    sha256,
)

AREA = "ECR"
API = "AmazonECR/latest/APIReference/"
GUIDE = "AmazonECR/latest/userguide/"
PUSH = f"{GUIDE}docker-push-ecr-image.html"
DISTRIBUTION = "https://github.com/opencontainers/distribution-spec/blob/main/spec.md"


@pytest.fixture(scope="module")
def ecr(lab: Lab) -> Any:
    return lab.aws("ecr")


@pytest.fixture(scope="module")
def registry(ecr: Any) -> RegistryClient:
    return RegistryClient.of(ecr)


class Repository:
    def __init__(self, lab: Lab, registry: RegistryClient, **settings: Any) -> None:
        self.ecr, self.registry, self.name = lab.aws("ecr"), registry, lab.name("repo")
        self.described = self.ecr.create_repository(repositoryName=self.name, **settings)["repository"]
        self.path = repository_path(self.described["repositoryUri"])

    def push(self, tag: str, content: str = "") -> BuiltImage:
        image = build([[file("content", content or tag)]], Cmd=["/content"])
        self.registry.push(self.path, tag, image)
        return image

    def digests(self) -> dict[str, list[str]]:
        """The tags by digest."""
        details = self.ecr.describe_images(repositoryName=self.name)["imageDetails"]
        return {one["imageDigest"]: sorted(one.get("imageTags", [])) for one in details}


Make = Callable[..., Repository]


@pytest.fixture(scope="module")
def make(lab: Lab, registry: RegistryClient) -> Make:
    return lambda **settings: Repository(lab, registry, **settings)


def code_of(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    response = error.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def code_in(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json()["errors"][0]["code"]


@documented(
    AREA,
    "A repository is described with its defaults, and deleted when it is empty or by force",
    f"{API}API_CreateRepository.html",
)
def test_a_repositorys_life(lab: Lab, ecr: Any, make: Make) -> None:
    repository = make(tags=[{"Key": "team", "Value": "a"}])
    described, name = repository.described, repository.name
    assert described["repositoryArn"] == f"arn:aws:ecr:{lab.region}:{lab.account}:repository/{name}"
    assert described["registryId"] == lab.account
    assert described["imageTagMutability"] == "MUTABLE"
    assert described["imageScanningConfiguration"] == {"scanOnPush": False}
    assert described["encryptionConfiguration"] == {"encryptionType": "AES256"}
    assert described["repositoryUri"].endswith(name)
    assert ecr.describe_repositories(repositoryNames=[name])["repositories"] == [described]
    arn = described["repositoryArn"]
    ecr.tag_resource(resourceArn=arn, tags=[{"Key": "env", "Value": "b"}])
    ecr.untag_resource(resourceArn=arn, tagKeys=["team"])
    assert ecr.list_tags_for_resource(resourceArn=arn)["tags"] == [{"Key": "env", "Value": "b"}]
    with pytest.raises(ClientError) as again:
        ecr.create_repository(repositoryName=name)
    assert code_of(again) == ("RepositoryAlreadyExistsException", 400)
    repository.push("one")
    with pytest.raises(ClientError) as not_empty:
        ecr.delete_repository(repositoryName=name)
    assert code_of(not_empty) == ("RepositoryNotEmptyException", 400)
    ecr.delete_repository(repositoryName=name, force=True)
    with pytest.raises(ClientError) as gone:
        ecr.describe_repositories(repositoryNames=[name])
    assert code_of(gone) == ("RepositoryNotFoundException", 400)


@documented(AREA, "A repository's name is checked", f"{API}API_CreateRepository.html")
def test_a_bad_name_is_refused(ecr: Any) -> None:
    with pytest.raises(ClientError) as refused:
        ecr.create_repository(repositoryName="Not/A//name")
    assert code_of(refused) == ("InvalidParameterException", 400)


@documented(
    AREA,
    "An authorization token is for one registry, and wanted by the distribution API",
    f"{API}API_GetAuthorizationToken.html",
)
def test_who_may_push(lab: Lab, make: Make, registry: RegistryClient) -> None:
    repository = make()
    url = f"{registry.endpoint}/v2/{repository.path}/tags/list"
    anonymous = send("GET", url)
    assert anonymous.status == 401
    assert anonymous.headers["www-authenticate"].startswith("Basic realm=")
    assert anonymous.headers["docker-distribution-api-version"] == "registry/2.0"
    forged = base64.b64encode(b"AWS:not-a-token").decode()
    assert send("GET", url, {"authorization": f"Basic {forged}"}).status == 401
    other = Lab(lab.endpoint, f"3{lab.account[1:]}")
    stranger = RegistryClient.of(other.aws("ecr"))
    assert code_in(stranger.send("GET", f"/v2/{repository.path}/tags/list")) == (403, "DENIED")
    assert registry.send("GET", f"/v2/{repository.path}/tags/list").json()["tags"] == []
    assert registry.send("GET", "/v2/").status == 200


@documented(
    AREA, "An image is pushed in pieces, each going on where the last ended; a broken upload is resumed", DISTRIBUTION
)
def test_a_resumable_upload(make: Make, registry: RegistryClient) -> None:
    repository, data = make(), b"abcdefghij" * 1000
    begun = registry.send("POST", f"/v2/{repository.path}/blobs/uploads/", body=b"")
    location = begun.headers["location"]
    first = registry.send("PATCH", location, {"content-range": "0-3999"}, data[:4000])
    assert (first.status, first.headers["range"]) == (202, "0-3999")
    hole = registry.send("PATCH", location, {"content-range": "5000-9999"}, data[5000:])
    assert (hole.status, hole.headers["range"]) == (416, "0-3999")
    asked = registry.send("GET", location)
    assert (asked.status, asked.headers["range"]) == (204, "0-3999")
    second = registry.send("PATCH", location, {"content-range": "4000-8999"}, data[4000:9000])
    assert second.headers["range"] == "0-8999"
    ended = registry.send("PUT", f"{location}?digest={sha256(data)}", body=data[9000:])
    assert ended.status == 201
    assert registry.send("GET", ended.headers["location"]).body == data
    part = registry.send("GET", ended.headers["location"], {"range": "bytes=10-14"})
    assert (part.status, part.body, part.headers["content-range"]) == (206, b"abcde", "bytes 10-14/10000")
    head = registry.send("HEAD", ended.headers["location"])
    assert (head.status, head.headers["content-length"]) == (200, "10000")
    beyond = registry.send("GET", ended.headers["location"], {"range": "bytes=20000-"})
    assert beyond.status == 416
    assert registry.send("GET", location).status == 404


@documented(AREA, "What is pushed must have the digest that it is said to have", DISTRIBUTION)
def test_digests_are_checked(make: Make, registry: RegistryClient) -> None:
    repository = make()
    begun = registry.send("POST", f"/v2/{repository.path}/blobs/uploads/", body=b"")
    wrong = registry.send("PUT", f"{begun.headers['location']}?digest={sha256(b'other')}", body=b"this")
    assert code_in(wrong) == (400, "DIGEST_INVALID")
    assert registry.send("HEAD", f"/v2/{repository.path}/blobs/{sha256(b'other')}").status == 404
    assert registry.send("HEAD", f"/v2/{repository.path}/blobs/{sha256(b'this')}").status == 404
    image = build([[file("a", "a")]])
    unknown = registry.put_manifest(repository.path, "one", image.manifest)
    assert code_in(unknown) == (400, "MANIFEST_BLOB_UNKNOWN")
    for blob in image.blobs:
        registry.push_blob(repository.path, blob)
    misnamed = registry.put_manifest(repository.path, sha256(b"another"), image.manifest)
    assert code_in(misnamed) == (400, "DIGEST_INVALID")
    lying = json.loads(image.manifest)
    lying["layers"][0]["size"] += 1
    assert code_in(registry.put_manifest(repository.path, "one", json.dumps(lying).encode())) == (
        400,
        "MANIFEST_INVALID",
    )
    assert registry.put_manifest(repository.path, "one", image.manifest).status == 201


@documented(AREA, "A layer of another repository of the registry is mounted, not sent again", DISTRIBUTION)
def test_layers_are_mounted(make: Make, registry: RegistryClient) -> None:
    source, target, layer = make(), make(), gzip.compress(b"layer")
    registry.push_blob(source.path, layer)
    assert registry.send("HEAD", f"/v2/{target.path}/blobs/{sha256(layer)}").status == 404
    mount = f"/v2/{target.path}/blobs/uploads/?mount={sha256(layer)}&from={source.path}"
    assert registry.send("POST", mount, body=b"").status == 201
    assert registry.send("GET", f"/v2/{target.path}/blobs/{sha256(layer)}").body == layer
    elsewhere = f"/v2/{target.path}/blobs/uploads/?mount={sha256(b'none')}&from={source.path}"
    assert registry.send("POST", elsewhere, body=b"").status == 202


@documented(AREA, "Images are told by tag and digest, as they were pushed", f"{API}API_DescribeImages.html")
def test_images_are_described(lab: Lab, ecr: Any, make: Make, registry: RegistryClient) -> None:
    repository = make()
    image = repository.push("one")
    registry.put_manifest(repository.path, "two", image.manifest)
    other = repository.push("other")
    assert repository.digests() == {image.digest: ["one", "two"], other.digest: ["other"]}
    (detail,) = ecr.describe_images(repositoryName=repository.name, imageIds=[{"imageTag": "one"}])["imageDetails"]
    assert detail["imageSizeInBytes"] == sum(map(len, image.blobs))
    assert detail["imageManifestMediaType"] == image.media_type
    assert (detail["registryId"], detail["repositoryName"]) == (lab.account, repository.name)
    ids = ecr.list_images(repositoryName=repository.name)["imageIds"]
    assert {"imageDigest": image.digest, "imageTag": "two"} in ids
    assert len(ids) == 3
    read = ecr.batch_get_image(repositoryName=repository.name, imageIds=[{"imageTag": "two"}, {"imageTag": "three"}])
    assert read["images"][0]["imageManifest"].encode() == image.manifest
    assert read["failures"][0]["failureCode"] == "ImageNotFound"
    pulled = registry.send("GET", f"/v2/{repository.path}/manifests/two")
    assert (pulled.body, pulled.headers["docker-content-digest"]) == (image.manifest, image.digest)
    assert registry.send("HEAD", f"/v2/{repository.path}/manifests/{image.digest}").headers["content-length"] == str(
        len(image.manifest)
    )
    listed = registry.send("GET", f"/v2/{repository.path}/tags/list?n=2")
    assert listed.json()["tags"] == ["one", "other"]
    assert "last=other" in listed.headers["link"]
    with pytest.raises(ClientError) as unknown:
        ecr.describe_images(repositoryName=repository.name, imageIds=[{"imageTag": "none"}])
    assert code_of(unknown) == ("ImageNotFoundException", 400)


@documented(
    AREA,
    "Deleting the last tag deletes the image; deleting by digest deletes all its tags",
    f"{API}API_BatchDeleteImage.html",
)
def test_images_are_deleted(ecr: Any, make: Make, registry: RegistryClient) -> None:
    repository = make()
    image = repository.push("one")
    registry.put_manifest(repository.path, "two", image.manifest)

    def delete(*ids: dict[str, str]) -> Any:
        return ecr.batch_delete_image(repositoryName=repository.name, imageIds=list(ids))

    assert delete({"imageTag": "one"})["imageIds"] == [{"imageDigest": image.digest, "imageTag": "one"}]
    assert repository.digests() == {image.digest: ["two"]}
    failed = delete({"imageTag": "one"}, {})["failures"]
    assert [one["failureCode"] for one in failed] == ["ImageNotFound", "MissingDigestAndTag"]
    assert delete({"imageDigest": image.digest})["imageIds"] == [{"imageDigest": image.digest, "imageTag": "two"}]
    assert repository.digests() == {}
    layer = sha256(image.layers[0])
    assert registry.send("HEAD", f"/v2/{repository.path}/blobs/{layer}").status == 404
    again = repository.push("three")
    assert registry.send("DELETE", f"/v2/{repository.path}/manifests/{again.digest}").status == 202
    assert repository.digests() == {}


@documented(
    AREA,
    "A repository that is IMMUTABLE refuses another image under a tag that it has",
    f"{GUIDE}image-tag-mutability.html",
)
def test_immutable_tags(ecr: Any, make: Make, registry: RegistryClient) -> None:
    repository = make(imageTagMutability="IMMUTABLE")
    first, second = repository.push("v1", "first"), build([[file("content", "second")]])
    for blob in second.blobs:
        registry.push_blob(repository.path, blob)
    assert code_in(registry.put_manifest(repository.path, "v1", second.manifest)) == (400, "TAG_INVALID")
    assert registry.put_manifest(repository.path, "v1", first.manifest).status == 201
    with pytest.raises(ClientError) as refused:
        ecr.put_image(repositoryName=repository.name, imageManifest=second.manifest.decode(), imageTag="v1")
    assert code_of(refused) == ("ImageTagAlreadyExistsException", 400)
    ecr.put_image_tag_mutability(repositoryName=repository.name, imageTagMutability="MUTABLE")
    put = ecr.put_image(repositoryName=repository.name, imageManifest=second.manifest.decode(), imageTag="v1")["image"]
    assert put["imageId"] == {"imageDigest": second.digest, "imageTag": "v1"}
    assert repository.digests() == {second.digest: ["v1"], first.digest: []}


@documented(
    AREA,
    "An index lists images of the repository, which stay while it does",
    f"{GUIDE}docker-push-multi-architecture-image.html",
)
def test_an_index(ecr: Any, make: Make, registry: RegistryClient) -> None:
    repository = make()
    image = repository.push("amd64")
    listed = {"mediaType": image.media_type, "digest": image.digest, "size": len(image.manifest)}
    index = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [listed]}).encode()
    unknown = json.dumps(
        {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [{**listed, "digest": sha256(b"none")}]}
    ).encode()
    assert code_in(registry.put_manifest(repository.path, "all", unknown, OCI_INDEX)) == (400, "MANIFEST_BLOB_UNKNOWN")
    assert registry.put_manifest(repository.path, "all", index, OCI_INDEX).status == 201
    pulled = registry.send("GET", f"/v2/{repository.path}/manifests/all")
    assert (pulled.headers["content-type"], pulled.body) == (OCI_INDEX, index)
    failed = ecr.batch_delete_image(repositoryName=repository.name, imageIds=[{"imageDigest": image.digest}])
    assert failed["failures"][0]["failureCode"] == "ImageReferencedByManifestList"
    assert sha256(index) in repository.digests()


@documented(
    AREA,
    "Layers are uploaded in parts by the API, looked for, and fetched from an address",
    f"{API}API_UploadLayerPart.html",
)
def test_layers_by_the_api(ecr: Any, make: Make) -> None:
    repository, data = make(), b"0123456789" * 100
    name = {"repositoryName": repository.name}
    upload = ecr.initiate_layer_upload(**name)["uploadId"]

    def part(first: int, piece: bytes) -> Any:
        last = first + len(piece) - 1
        return ecr.upload_layer_part(
            **name, uploadId=upload, partFirstByte=first, partLastByte=last, layerPartBlob=piece
        )

    assert part(0, data[:600])["lastByteReceived"] == 599
    with pytest.raises(ClientError) as hole:
        part(700, data[700:])
    assert code_of(hole) == ("InvalidLayerPartException", 400)
    part(600, data[600:])
    with pytest.raises(ClientError) as wrong:
        ecr.complete_layer_upload(**name, uploadId=upload, layerDigests=[sha256(b"other")])
    assert code_of(wrong) == ("InvalidLayerException", 400)
    assert ecr.complete_layer_upload(**name, uploadId=upload, layerDigests=[sha256(data)])["layerDigest"] == sha256(
        data
    )
    checked = ecr.batch_check_layer_availability(**name, layerDigests=[sha256(data), sha256(b"none")])["layers"]
    assert [one["layerAvailability"] for one in checked] == ["AVAILABLE", "UNAVAILABLE"]
    url = ecr.get_download_url_for_layer(**name, layerDigest=sha256(data))["downloadUrl"]
    with urllib.request.urlopen(url, timeout=30) as fetched:
        assert fetched.read() == data


@documented(
    AREA,
    "A lifecycle policy is previewed: the rule of highest priority that matches expires an image",
    f"{GUIDE}lifecycle_policy_parameters.html",
)
def test_lifecycle_policies(ecr: Any, make: Make, registry: RegistryClient) -> None:
    repository = make()
    name = {"repositoryName": repository.name}
    with pytest.raises(ClientError) as none:
        ecr.get_lifecycle_policy(**name)
    assert code_of(none) == ("LifecyclePolicyNotFoundException", 400)
    digests = [repository.push(f"prod-{number}").digest for number in range(3)]
    repository.push("dev-1")
    untagged = build([[file("content", "untagged")]])
    registry.push(repository.path, untagged.digest, untagged)
    more = {"countType": "imageCountMoreThan", "countNumber": 1}
    rules = [
        {"rulePriority": 1, "selection": {"tagStatus": "tagged", "tagPrefixList": ["prod-"], **more}},
        {"rulePriority": 5, "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 4}},
    ]
    text = json.dumps({"rules": [{**rule, "action": {"type": "expire"}} for rule in rules]})
    ecr.start_lifecycle_policy_preview(**name, lifecyclePolicyText=text)
    preview = ecr.get_lifecycle_policy_preview(**name)
    assert preview["status"] == "COMPLETE"
    assert [(one["imageDigest"], one["appliedRulePriority"]) for one in preview["previewResults"]] == [
        (digests[1], 1),
        (digests[0], 1),
    ]
    assert len(repository.digests()) == 5, "a preview expires nothing"
    assert ecr.put_lifecycle_policy(**name, lifecyclePolicyText=text)["lifecyclePolicyText"] == text
    assert json.loads(ecr.get_lifecycle_policy(**name)["lifecyclePolicyText"]) == json.loads(text)
    assert ecr.delete_lifecycle_policy(**name)["lifecyclePolicyText"] == text
    with pytest.raises(ClientError) as refused:
        ecr.put_lifecycle_policy(**name, lifecyclePolicyText=text.replace("any", "some"))
    assert code_of(refused) == ("InvalidParameterException", 400)


@documented(
    AREA, "A repository policy is kept", f"{API}API_SetRepositoryPolicy.html", "kept; another account is let in by none"
)
def test_a_repository_policy(ecr: Any, make: Make) -> None:
    name = {"repositoryName": make().name}
    text = json.dumps({"Version": "2012-10-17", "Statement": []})
    ecr.set_repository_policy(**name, policyText=text)
    assert ecr.get_repository_policy(**name)["policyText"] == text
    ecr.delete_repository_policy(**name)
    with pytest.raises(ClientError) as gone:
        ecr.get_repository_policy(**name)
    assert code_of(gone) == ("RepositoryPolicyNotFoundException", 400)


@documented(
    AREA,
    "Images are scanned on push or when asked for",
    f"{GUIDE}image-scanning.html",
    "no image is scanned: each scan fails, and says why",
)
def test_scans(ecr: Any, make: Make) -> None:
    repository = make()
    repository.push("one")
    one = {"repositoryName": repository.name, "imageId": {"imageTag": "one"}}
    with pytest.raises(ClientError) as none:
        ecr.describe_image_scan_findings(**one)
    assert code_of(none) == ("ScanNotFoundException", 400)
    assert ecr.start_image_scan(**one)["imageScanStatus"]["status"] == "FAILED"
    findings = ecr.describe_image_scan_findings(**one)
    assert "not scanned" in findings["imageScanStatus"]["description"]
    assert "imageScanFindings" not in findings


@documented(
    AREA, "A manifest may be OCI's as well as Docker's; others are refused", f"{GUIDE}image-manifest-formats.html"
)
def test_manifest_formats(make: Make, registry: RegistryClient) -> None:
    repository = make()
    image = repository.push("docker")
    oci = json.loads(image.manifest) | {"mediaType": OCI_MANIFEST}
    assert registry.put_manifest(repository.path, "oci", json.dumps(oci).encode(), OCI_MANIFEST).status == 201
    assert code_in(registry.put_manifest(repository.path, "x", b'{"schemaVersion": 1}')) == (400, "MANIFEST_INVALID")
    assert code_in(registry.put_manifest(repository.path, "x", b"not json")) == (400, "MANIFEST_INVALID")
    layers = json.loads(image.manifest)["layers"] * 1000
    thousand = json.dumps(json.loads(image.manifest) | {"layers": layers}).encode()
    assert code_in(registry.put_manifest(repository.path, "x", thousand)) == (400, "MANIFEST_INVALID")
