"""The edge's own state: one SQLite file, written before a call is answered.

store   documents under their keys: read at once, written together
schema  the file's tables, and how an older file becomes a newer one
"""

from .store import Key, Store, StoreFailed

__all__ = ["Key", "Store", "StoreFailed"]
