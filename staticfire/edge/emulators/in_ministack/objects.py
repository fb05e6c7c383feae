"""S3 objects that are uploaded in parts: MiniStack forgets their tags, and Terraform would set them at each apply."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree

MOST_TAGS = 10
TAGS = "x_amz_tagging"

Answer = tuple[int, dict[str, str], bytes]


def correct() -> None:
    """The tags come with the upload's beginning, and are the object's once its parts are put together."""
    from ministack.services import s3

    begin, complete = s3._create_multipart_upload, s3._complete_multipart_upload

    def create_multipart_upload(bucket: str, key: str, headers: dict[str, str]) -> Answer:
        tags = dict(parse_qsl(headers.get("x-amz-tagging", ""), keep_blank_values=True))
        if len(tags) > MOST_TAGS:
            refused: Answer = s3._error("BadRequest", "Object tags cannot be greater than 10", 400)
            return refused
        answer: Answer = begin(bucket, key, headers)
        if answer[0] == 200 and tags:
            upload = ElementTree.fromstring(answer[2]).findtext(f"{{{s3.S3_NS}}}UploadId")
            s3._multipart_uploads[upload][TAGS] = tags
        return answer

    def complete_multipart_upload(
        bucket: str, key: str, body: bytes, query_params: dict[str, Any], headers: dict[str, str] | None = None
    ) -> Answer:
        upload = s3._multipart_uploads.get(s3._qp(query_params, "uploadId")) or {}
        answer: Answer = complete(bucket, key, body, query_params, headers)
        if answer[0] == 200 and TAGS in upload:
            kept = s3._buckets[bucket]
            version = kept["objects"][key].get("version_id")
            s3._object_tags[(bucket, key, version)] = upload[TAGS]
            s3._persist_version_state(bucket, key, kept)
        return answer

    s3._create_multipart_upload = create_multipart_upload
    s3._complete_multipart_upload = complete_multipart_upload
