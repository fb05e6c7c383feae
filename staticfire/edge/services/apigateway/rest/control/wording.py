"""Where AWS, as it was recorded, words otherwise than by its published model."""

from __future__ import annotations

from staticfire.edge.aws.protocol import Wording

WORDING = Wording(older=True, body_limits={"PutRestApi": 10_485_760, "ImportRestApi": 10_485_760})
