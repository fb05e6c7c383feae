"""A function that imports what the usage service's does; the cold start is the measure."""

import aws_lambda_powertools.event_handler
import aws_lambda_powertools.utilities.parameters
import boto3
import pg8000
import pydantic


def handler(event: dict[str, object], context: object) -> list[str]:
    return [boto3.__version__, pg8000.__version__, pydantic.VERSION, aws_lambda_powertools.__name__]
