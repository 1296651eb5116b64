"""The one class of errors meant for a user: a message and a remedy. Everything else keeps its traceback."""

from __future__ import annotations

import json

__all__ = ["UserError", "damage_told_by"]

MOST_WORDS = 200
_INTERNAL = (TypeError, AttributeError, IndexError, AssertionError, SyntaxError, StopIteration)


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


def damage_told_by(error: BaseException) -> str:
    """What an exception of a library's reader says about a damaged file, in words for its owner.

    What Python says of its own objects ("'str' object has no attribute 'dtype'") tells the owner of a file
    nothing; what the reader of a format says ("the footer is missing") is kept, its first line.

    Examples
    --------
    >>> damage_told_by(AttributeError("'str' object has no attribute 'dtype'"))
    'its parts do not fit together'
    >>> damage_told_by(KeyError("There is no item named 'm/data/7' in the archive"))
    "there is no item named 'm/data/7' in the archive"

    Raises
    ------
    NameError
        The exception is one.
    """
    if isinstance(error, NameError):
        raise error  # no file can cause it: a mistake of ours, which keeps its traceback
    if isinstance(error, UserError):
        return error.message
    if isinstance(error, EOFError):
        return "it ends too early"
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    if isinstance(error, MemoryError):
        return "it asks for more memory than there is"
    if isinstance(error, json.JSONDecodeError):
        return "the JSON in it is damaged"
    if isinstance(error, UnicodeError):
        return "words in it are not UTF-8 text"
    if isinstance(error, KeyError) and len(error.args) == 1:
        missing = str(error.args[0])
        return missing[:1].lower() + missing[1:] if " " in missing else f"it lacks {missing!r}"
    lines = str(error).splitlines()
    if isinstance(error, _INTERNAL) or type(error) is ValueError or not lines:
        return "its parts do not fit together"
    return lines[0][:MOST_WORDS]
