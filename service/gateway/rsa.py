"""RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017), verifying only: what RS256 tokens need, without native code.

The message's encoding is made anew and compared as a whole. Nothing of the signature is parsed, so there is no padding
to be lenient with (Bleichenbacher's forgery of 2006). No secret takes part: how long it takes tells nothing.
"""

import hashlib
import hmac
from dataclasses import dataclass

LEAST_BITS, MOST_BITS = 2048, 4096
MOST_EXPONENT = 2**32
SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A modulus of 2048 to 4096 bits and an odd exponent from 3 to 2**32; others raise ValueError."""

    modulus: int
    exponent: int

    def __post_init__(self) -> None:
        bits = self.modulus.bit_length()
        if not LEAST_BITS <= bits <= MOST_BITS or not self.modulus % 2:
            raise ValueError(f"the modulus has {bits} bits or is even: {LEAST_BITS} to {MOST_BITS} are taken")
        if not 3 <= self.exponent < MOST_EXPONENT or not self.exponent % 2:
            raise ValueError("the exponent must be odd, and from 3 to 2**32")

    def verify(self, message: bytes, signature: bytes) -> bool:
        size = (self.modulus.bit_length() + 7) // 8
        number = int.from_bytes(signature, "big")
        if len(signature) != size or number >= self.modulus:
            return False
        digest = SHA256_INFO + hashlib.sha256(message).digest()
        padding = b"\xff" * (size - len(digest) - 3)
        expected = b"\0\1" + padding + b"\0" + digest
        return hmac.compare_digest(pow(number, self.exponent, self.modulus).to_bytes(size, "big"), expected)
