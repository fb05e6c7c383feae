import sys

import orjson
from cryptography.fernet import Fernet
from pydantic import BaseModel


class Event(BaseModel):
    number: int


def handler(event, context):
    key = Fernet.generate_key()
    secret = Fernet(key).encrypt(orjson.dumps({"number": event.get("number", 42)}))
    number = Event.model_validate_json(Fernet(key).decrypt(secret)).number
    return [sys.version_info[:2], number]
