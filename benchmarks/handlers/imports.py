"""A function that imports what most functions of such a stack import; the cold start is the measure."""

import boto3
import pg8000


def handler(event: dict[str, object], context: object) -> list[str]:
    return [boto3.__version__, pg8000.__version__]
