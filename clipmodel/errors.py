"""The one class of errors meant for a user: a message and a remedy. Everything else keeps its traceback."""

from __future__ import annotations

__all__ = ["UserError"]


class UserError(ValueError):
    """A mistake the user can correct.

    Parameters
    ----------
    message
        What is wrong: the file, the row or key, what was expected.
    remedy
        What to do about it.
    """

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} ({self.remedy})" if self.remedy else self.message
