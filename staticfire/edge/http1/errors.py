"""Why a request to another server failed."""

from __future__ import annotations


class ConnectError(OSError):
    """Nobody answers at that address; nothing was sent."""


class ConnectionBroken(OSError):
    """The connection ended or the peer broke the protocol; the request may have been carried out."""
