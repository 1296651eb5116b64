"""The separator of a table of text, from its first lines."""

from __future__ import annotations

import csv
from collections.abc import Sequence

from clipmodel.errors import UserError

SEPARATORS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}
_LINES = 20


def find_separator(text: str, wanted: Sequence[Sequence[str]], *, source: str) -> str:
    """The one separator that gives the header the columns asked for and every line as many fields.

    Parameters
    ----------
    text
        The beginning of the file; what follows its last line break is not looked at.
    wanted
        For each column needed, the names it may have, in lower case.

    Raises
    ------
    UserError
        No separator does, or more than one; the message shows what each makes of the header.
    """
    split = {separator: _fields(text, separator) for separator in SEPARATORS}
    split = {separator: lines for separator, lines in split.items() if lines and len(lines[0]) > 1}
    if not split:
        header = text.partition("\n")[0][:200]
        raise UserError(
            f"{source}: no separator of columns in {header!r}",
            remedy="the first line must name at least two columns, of images and of captions",
        )
    named = {separator: lines for separator, lines in split.items() if _has(lines[0], wanted)} or split
    # A separator that occurs within captions gives lines of different lengths.
    even = {s: lines for s, lines in named.items() if all(len(line) == len(lines[0]) for line in lines)}
    found = list(even or named)
    if len(found) > 1:
        readings = "; ".join(f"by {SEPARATORS[s]}: {', '.join(named[s][0])}" for s in found)
        raise UserError(
            f"{source}: columns may be separated {readings}", remedy="say which with data.separator"
        )
    return found[0]


def header_of(text: str, separator: str) -> list[str]:
    """Names of columns in the first line."""
    # csv, not str.split: a quoted header may contain the separator.
    return next(csv.reader(text.splitlines(), delimiter=separator))


def _fields(text: str, separator: str) -> list[list[str]]:
    """Rows of the first lines, without one that may be cut off."""
    lines = text.splitlines(keepends=True)
    whole = lines if len(lines) == 1 or text.endswith(("\n", "\r")) else lines[:-1]
    rows = [row for row in csv.reader(whole, delimiter=separator) if row]
    # A quoted field may run on past the last line.
    return rows[: max(1, min(_LINES, len(rows) - 1))]


def _has(header: Sequence[str], wanted: Sequence[Sequence[str]]) -> bool:
    names = {name.strip().lower() for name in header}
    return all(names.intersection(usual) for usual in wanted)
