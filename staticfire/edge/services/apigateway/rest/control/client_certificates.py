"""Client certificates: by which a backend knows that API Gateway calls."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from staticfire.edge.aws.calls import Call, Scope
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.apigateway.rest.records import Record, RestRecords

from . import patches
from .common import in_order, made, new_id, not_found, page, with_tags

PATHS = ("/description",)
LIFETIME = timedelta(days=365)
KEY_BITS = 2048


class ClientCertificateOperations:
    def __init__(self, records: RestRecords) -> None:
        self._records = records

    async def generate(self, call: Call, params: Params) -> Record:
        certificate = made({"clientCertificateId": new_id(), **await asyncio.to_thread(_certificate)})
        certificate |= {member: params[member] for member in ("description", "tags") if params.get(member)}
        name = certificate["clientCertificateId"]
        await self._records.put(call.scope, "client-certificate", name, record=certificate)
        return certificate

    async def get(self, call: Call, params: Params) -> Record:
        return with_tags(self._required(call.scope, params))

    async def list_all(self, call: Call, params: Params) -> Record:
        certificates = in_order(self._records.list(call.scope, "client-certificate"))
        return page(certificates, params, by="clientCertificateId")

    async def update(self, call: Call, params: Params) -> Record:
        async with self._records.changing(call.scope):
            certificate = self._required(call.scope, params)
            for patch in patches.read(params):
                patches.supported(patch, PATHS)
                patches.set_or_drop(certificate, "description", patch.value)
            name = certificate["clientCertificateId"]
            await self._records.put(call.scope, "client-certificate", name, record=certificate)
        return with_tags(certificate)

    async def delete(self, call: Call, params: Params) -> None:
        self._required(call.scope, params)
        await self._records.delete(call.scope, "client-certificate", params["clientCertificateId"])

    def _required(self, scope: Scope, params: Params) -> Record:
        certificate = self._records.get(scope, "client-certificate", params["clientCertificateId"])
        if certificate is None:
            raise not_found("Invalid Client Certificate identifier specified")
        return certificate


def _certificate() -> Record:
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ApiGateway")])
    start = datetime.now(UTC).replace(microsecond=0)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    signed = builder.not_valid_before(start).not_valid_after(start + LIFETIME).sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "pemEncodedCertificate": signed.public_bytes(serialization.Encoding.PEM).decode().strip(),
        "createdDate": int(start.timestamp()),
        "expirationDate": int((start + LIFETIME).timestamp()),
        "_key": private.decode(),
    }
