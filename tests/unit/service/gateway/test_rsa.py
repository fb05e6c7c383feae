"""RS256 as the verifier takes it: tokens that cryptography signs, and no forgery made by hand."""

from __future__ import annotations

import base64
import hashlib
import json
import time

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from gateway.configuration import TokenRules
from gateway.tokens import Rejected, Verifier
from hypothesis import given
from hypothesis import strategies as st

SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
SHA1_INFO = bytes.fromhex("3021300906052b0e03021a05000414")
SHA256_INFO_WITHOUT_PARAMETERS = bytes.fromhex("302f300b0609608648016503040201" + "0420")

PRIVATE = {bits: rsa.generate_private_key(public_exponent=65537, key_size=bits) for bits in (2048, 2056, 3072)}
KEY = PRIVATE[2048]
SIZE = 256


def part(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")


CLAIMS = {"sub": "ann", "iss": "issuer", "aud": "gateway", "exp": int(time.time()) + 3600}
MESSAGE = part(b'{"alg": "RS256"}') + b"." + part(json.dumps(CLAIMS).encode())
DIGEST = hashlib.sha256(MESSAGE).digest()


class OneKey:
    def __init__(self, key: rsa.RSAPublicKey) -> None:
        self._key = key

    def find(self, kid: str | None) -> rsa.RSAPublicKey:
        return self._key


def takes(key: rsa.RSAPrivateKey, signature: bytes) -> bool:
    """Whether the token is taken with this signature."""
    verifier = Verifier(
        TokenRules(issuer="issuer", audience="gateway", leeway_seconds=0), lambda: [], OneKey(key.public_key())
    )
    try:
        return verifier.subject((MESSAGE + b"." + part(signature)).decode()) == "ann"
    except Rejected as rejected:
        if "signature" not in str(rejected):
            raise
        return False


def sign(key: rsa.RSAPrivateKey = KEY) -> bytes:
    return key.sign(MESSAGE, padding.PKCS1v15(), hashes.SHA256())


def raw(encoded: bytes) -> bytes:
    """What the key's owner gets by signing bytes that are padded in whatever way."""
    numbers = KEY.private_numbers()
    return pow(int.from_bytes(encoded), numbers.d, numbers.public_numbers.n).to_bytes(SIZE)


def padded(tail: bytes, size: int = SIZE) -> bytes:
    return b"\0\1" + b"\xff" * (size - len(tail) - 3) + b"\0" + tail


@pytest.mark.parametrize("bits", PRIVATE)
def test_what_cryptography_signs_is_taken(bits: int) -> None:
    assert takes(PRIVATE[bits], sign(PRIVATE[bits]))


@given(place=st.integers(0, SIZE - 1), bit=st.integers(0, 7))
def test_a_changed_bit_is_one_too_many(place: int, bit: int) -> None:
    changed = bytearray(sign())
    changed[place] ^= 1 << bit
    assert not takes(KEY, bytes(changed))


@pytest.mark.parametrize(
    "encoded",
    [
        pytest.param(b"\0\1" + b"\xff" * 8 + b"\0" + SHA256_INFO + DIGEST, id="zeros behind the digest"),
        pytest.param(padded(SHA256_INFO + DIGEST + b"\0"), id="one byte behind the digest"),
        pytest.param(padded(SHA256_INFO_WITHOUT_PARAMETERS + DIGEST), id="without the parameters of the algorithm"),
        pytest.param(padded(SHA1_INFO + hashlib.sha1(MESSAGE).digest()), id="SHA-1"),
        pytest.param(padded(DIGEST), id="the bare digest"),
        pytest.param(b"\0\2" + padded(SHA256_INFO + DIGEST)[2:], id="the padding of encryption"),
        pytest.param(b"\0\0" + padded(SHA256_INFO + DIGEST)[2:], id="block type 0"),
        pytest.param(b"\0\1" + b"\0" * 202 + b"\0" + SHA256_INFO + DIGEST, id="zeros for padding"),
    ],
)
def test_only_the_one_right_encoding_is_taken(encoded: bytes) -> None:
    encoded = encoded[:SIZE].ljust(SIZE, b"\0")
    assert not takes(KEY, raw(encoded))


def test_the_right_encoding_made_by_hand_is_taken() -> None:
    assert takes(KEY, raw(padded(SHA256_INFO + DIGEST)))


def test_a_cube_root_is_no_signature() -> None:
    """Bleichenbacher's forgery: with exponent 3, a root of `00 01 ff .. 00 digest rubbish` needs no private key."""
    key = rsa.generate_private_key(public_exponent=3, key_size=3072)
    size = 384
    target = int.from_bytes((b"\0\1" + b"\xff" * 8 + b"\0" + SHA256_INFO + DIGEST).ljust(size, b"\0"))
    low, high = 0, 1 << (size * 8 // 3 + 1)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if middle**3 < target else (low, middle)

    forged = (low**3).to_bytes(size)
    assert forged.startswith(b"\0\1" + b"\xff" * 8 + b"\0" + SHA256_INFO + DIGEST)
    assert not takes(key, low.to_bytes(size))


def test_a_signature_has_the_keys_length_and_is_below_the_modulus() -> None:
    good, modulus = sign(), KEY.public_key().public_numbers().n
    number = int.from_bytes(good)

    assert not takes(KEY, b"\0" + good)
    assert not takes(KEY, good[:-1])
    assert not takes(KEY, b"")
    assert not takes(KEY, (number + modulus).to_bytes(SIZE + 1))
    assert not takes(KEY, b"\0" * SIZE)
    assert not takes(KEY, (1).to_bytes(SIZE))
    assert not takes(KEY, (modulus - 1).to_bytes(SIZE))
