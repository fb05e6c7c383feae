from .fast import loads

__all__ = ["loads"]
