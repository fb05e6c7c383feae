"""RS256's verification, against signatures that cryptography makes, and against forgeries made by hand."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from gateway.rsa import SHA256_INFO, PublicKey
from hypothesis import given
from hypothesis import strategies as st

MESSAGE = b"header.claims"
DIGEST = hashlib.sha256(MESSAGE).digest()
SHA1_INFO = bytes.fromhex("3021300906052b0e03021a05000414")
SHA256_INFO_WITHOUT_PARAMETERS = bytes.fromhex("302f300b0609608648016503040201" + "0420")

PRIVATE = {bits: rsa.generate_private_key(public_exponent=65537, key_size=bits) for bits in (2048, 2056, 3072)}
KEY = PRIVATE[2048]
SIZE = 256


def public(key: rsa.RSAPrivateKey) -> PublicKey:
    numbers = key.public_key().public_numbers()
    return PublicKey(numbers.n, numbers.e)


def sign(message: bytes, key: rsa.RSAPrivateKey = KEY) -> bytes:
    return key.sign(message, padding.PKCS1v15(), hashes.SHA256())


def raw(encoded: bytes) -> bytes:
    """What the key's owner gets by signing bytes that are padded in whatever way."""
    numbers = KEY.private_numbers()
    return pow(int.from_bytes(encoded), numbers.d, numbers.public_numbers.n).to_bytes(SIZE)


def padded(tail: bytes, size: int = SIZE) -> bytes:
    return b"\0\1" + b"\xff" * (size - len(tail) - 3) + b"\0" + tail


@pytest.mark.parametrize("bits", PRIVATE)
@given(message=st.binary(max_size=200))
def test_what_cryptography_signs_is_taken(bits: int, message: bytes) -> None:
    key = PRIVATE[bits]
    assert public(key).verify(message, sign(message, key))


@given(message=st.binary(max_size=50), other=st.binary(max_size=50))
def test_a_signature_is_of_one_message_only(message: bytes, other: bytes) -> None:
    assert public(KEY).verify(other, sign(message)) == (message == other)


@given(place=st.integers(0, SIZE - 1), bit=st.integers(0, 7))
def test_a_changed_bit_is_one_too_many(place: int, bit: int) -> None:
    changed = bytearray(sign(MESSAGE))
    changed[place] ^= 1 << bit
    assert not public(KEY).verify(MESSAGE, bytes(changed))


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
    assert not public(KEY).verify(MESSAGE, raw(encoded))


def test_the_right_encoding_made_by_hand_is_taken() -> None:
    assert public(KEY).verify(MESSAGE, raw(padded(SHA256_INFO + DIGEST)))


def test_a_cube_root_is_no_signature() -> None:
    """Bleichenbacher's forgery: with exponent 3, a root of `00 01 ff .. 00 digest rubbish` needs no private key."""
    numbers = rsa.generate_private_key(public_exponent=3, key_size=3072).public_key().public_numbers()
    size = 384
    target = int.from_bytes((b"\0\1" + b"\xff" * 8 + b"\0" + SHA256_INFO + DIGEST).ljust(size, b"\0"))
    low, high = 0, 1 << (size * 8 // 3 + 1)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if middle**3 < target else (low, middle)

    forged = (low**3).to_bytes(size)
    assert forged.startswith(b"\0\1" + b"\xff" * 8 + b"\0" + SHA256_INFO + DIGEST)
    assert not PublicKey(numbers.n, 3).verify(MESSAGE, low.to_bytes(size))


def test_a_signature_has_the_keys_length_and_is_below_the_modulus() -> None:
    key, good = public(KEY), sign(MESSAGE)
    number = int.from_bytes(good)

    assert not key.verify(MESSAGE, b"\0" + good)
    assert not key.verify(MESSAGE, good[:-1])
    assert not key.verify(MESSAGE, b"")
    assert not key.verify(MESSAGE, (number + key.modulus).to_bytes(SIZE + 1))
    assert not key.verify(MESSAGE, b"\0" * SIZE)
    assert not key.verify(MESSAGE, (1).to_bytes(SIZE))
    assert not key.verify(MESSAGE, (key.modulus - 1).to_bytes(SIZE))


def test_a_modulus_whose_length_is_no_whole_bytes_is_measured_right() -> None:
    key = public(PRIVATE[2056])
    assert len(sign(MESSAGE, PRIVATE[2056])) == 257
    assert key.verify(MESSAGE, sign(MESSAGE, PRIVATE[2056]))


@pytest.mark.parametrize(
    ("modulus", "exponent"),
    [
        pytest.param((1 << 1024) - 1, 65537, id="1024 bits"),
        pytest.param((1 << 2047) - 1, 65537, id="2047 bits"),
        pytest.param((1 << 4097) - 1, 65537, id="4097 bits"),
        pytest.param(1 << 2047, 65537, id="an even modulus"),
        pytest.param((1 << 2048) - 1, 1, id="exponent 1"),
        pytest.param((1 << 2048) - 1, 0, id="exponent 0"),
        pytest.param((1 << 2048) - 1, 65536, id="an even exponent"),
        pytest.param((1 << 2048) - 1, 2**32 + 1, id="a huge exponent"),
    ],
)
def test_a_weak_or_absurd_key_is_none(modulus: int, exponent: int) -> None:
    with pytest.raises(ValueError, match=r"modulus|exponent"):
        PublicKey(modulus, exponent)
