"""SQS in front of the emulator: messages that functions send carry their trace."""

from .service import TracedMessages

__all__ = ["TracedMessages"]
