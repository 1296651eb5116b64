"""The text of a label in one form, so that what looks the same is one group, whatever file it came from.

White space of every kind at the ends is dropped and inside becomes one space; characters without width and
marks of writing direction are dropped at the ends; the Unicode form is NFC. A control character or half of a
surrogate pair is replaced by U+FFFD. Numbers are written in one way: 1, 1.0 and 1.50 are "1", "1" and "1.5".
Truth values that one column writes in several ways (TRUE of a spreadsheet, True, true) become one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from clipmodel.errors import UserError

REPLACEMENT = "\ufffd"
INVISIBLE = "\u00ad\u200b\u2060\ufeff"  # soft hyphen, zero-width space, word joiner, byte order mark
# They join or part letters inside a word, or turn the direction; at its ends they change nothing that is
# seen.
AT_THE_ENDS = INVISIBLE + "\u061c\u200c\u200d\u200e\u200f"
MANTISSA_BITS = {2: 11, 4: 24, 8: 53}  # of floats of so many bytes, the leading 1 included
_TRUTHS = {"true", "false"}
MANY_VALUES = 1000  # more than truth values can be written in
_DROPPED = dict.fromkeys(map(ord, INVISIBLE))
# Controls, overrides of the writing direction, and halves of surrogate pairs, which no UTF-8 file can hold.
_REPLACED = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# No leading zeros and no exponent: "007" and "1e3" are names, not numbers.
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?")
_PLAIN = re.compile(r"[!-~](?:[ -~]*[!-~])?")  # nothing to do, but for a space after a space


def clean_label(text: str) -> str:
    """A label in its one form; "" if nothing visible is left of it.

    Examples
    --------
    >>> clean_label(" East\\u00a0 Asian\\u200b")
    'East Asian'
    >>> clean_label("A\\x07") == "A" + REPLACEMENT
    True
    """
    if _PLAIN.fullmatch(text) and "  " not in text:
        # Most labels are plain ASCII words; the way below takes several times as long.
        return text
    # `split` without an argument drops every kind of Unicode white space, the no-break space included.
    words = " ".join(text.translate(_DROPPED).split()).strip(AT_THE_ENDS + " ")
    return unicodedata.normalize("NFC", _REPLACED.sub(REPLACEMENT, words))


def plain_text(value: Any) -> str | None:
    """Any value as text: equal numbers of any type give one text; None, NaN and "" give None."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, bytes):
        return value.decode("utf-8") or None
    # Before `pd.isna`, which answers an array with an array.
    if isinstance(value, bool | np.bool_ | list | tuple | dict | np.ndarray):
        return str(value)
    if pd.isna(value):
        return None
    return number_text(str(value))


def _refuse_blurred(column: pd.Series) -> None:
    """Refuse whole numbers at which neighbours are one float."""
    numbers = column.to_numpy(np.float64, na_value=np.nan)
    numbers = numbers[np.isfinite(numbers)]
    digits = MANTISSA_BITS[getattr(column.dtype, "itemsize", 8)]
    # From 2^53 on, neighbouring doubles are 2 apart; a person's identifier read as a float may be another
    # person's.
    if len(numbers) and np.abs(numbers).max() >= 2.0**digits and (numbers == np.round(numbers)).all():
        raise UserError(
            f"the column {str(column.name)!r} holds whole numbers of 2^{digits} or more as floats, which "
            "cannot tell them apart",
            remedy="write them as integers or text",
        )


def number_text(text: str) -> str:
    """A decimal number without a decimal point or zeros that say nothing; other text as it is."""
    if "." not in text or not _NUMBER.fullmatch(text):
        return text
    short = text.rstrip("0").rstrip(".")
    return "0" if short == "-0" else short


@dataclass(frozen=True, kw_only=True)
class CleanColumn:
    """A column of labels in their one form.

    Attributes
    ----------
    column
        Strings, NaN where there is no label.
    n_spaced, n_replaced, n_numbers, n_truths
        How many labels lost white space, invisible characters or another Unicode form; how many had a control
        character replaced; how many numbers, and how many truth values, are written in another way.
    """

    column: pd.Series
    n_spaced: int = 0
    n_replaced: int = 0
    n_numbers: int = 0
    n_truths: int = 0

    def notes(self, name: str) -> list[str]:
        """What was changed, a sentence each."""
        found = []
        if self.n_spaced:
            found.append(
                f"Blanks, invisible characters or another Unicode form in {_labels(self.n_spaced)} of {name} "
                "were evened out."
            )
        if self.n_replaced:
            found.append(f"Control characters in {_labels(self.n_replaced)} of {name} were replaced.")
        if self.n_numbers:
            found.append(
                f"Numbers in {_labels(self.n_numbers)} of {name} are written without needless decimals."
            )
        if self.n_truths:
            found.append(f"Truth values in {_labels(self.n_truths)} of {name} are written True or False.")
        return found


def clean_column(column: pd.Series) -> CleanColumn:
    """A column of labels of any type in their one form."""
    # Each distinct value is cleaned once: a column of millions of labels has few.
    codes, values = pd.factorize(column)
    if _surely_clean(values):
        return CleanColumn(column=column)
    raw: list[Any] = list(values)
    texts = [None if (text := plain_text(value)) is None else clean_label(text) or None for value in raw]
    known = [text for text in texts if text is not None]
    numbers: Mapping[str, str] = {}
    # Only where every label is a number: "1.0" beside words may be the name of a version.
    if any("." in text for text in known) and all(_NUMBER.fullmatch(text) for text in known):
        numbers = {text: number_text(text) for text in known}
    elif (
        len(known) > len({text.casefold() for text in known})
        and {text.casefold() for text in known} <= _TRUTHS
    ):
        numbers = {text: text.capitalize() for text in known}
    final = [None if text is None else numbers.get(text, text) for text in texts]
    sizes = np.bincount(codes[codes >= 0], minlength=len(raw))
    if not any(type(old) is not str or old != new for old, new in zip(raw, final, strict=True)):
        return CleanColumn(column=column)
    spaced = replaced = rewritten = 0
    for old, text, new, n in zip(raw, texts, final, sizes.tolist(), strict=True):
        if isinstance(old, str) and text != old:
            changed = text is not None and text.count(REPLACEMENT) > old.count(REPLACEMENT)
            replaced += n * changed
            spaced += n * (not changed)
        elif isinstance(old, str) and new != text:
            rewritten += n
    # The code -1 of a missing value picks the last element.
    table = np.array([*final, np.nan], dtype=object)
    table[[new is None for new in final] + [False]] = np.nan
    cleaned = pd.Series(table[codes], index=column.index, name=column.name, dtype=object)
    of_truths = bool(known) and known[0].casefold() in _TRUTHS
    return CleanColumn(
        column=cleaned, n_spaced=spaced, n_replaced=replaced,
        n_numbers=0 if of_truths else rewritten, n_truths=rewritten if of_truths else 0,
    )  # fmt: skip


def _surely_clean(values: Any) -> bool:
    """Whether many distinct strings are plain ASCII words without a point, which cleaning leaves alone.

    Arrow decides it: of the names of millions of persons, a Python string each would take more than the data.
    """
    if len(values) < MANY_VALUES or not isinstance(values, pd.Index) or values.dtype != "str":
        return False
    import pyarrow as pa
    import pyarrow.compute as pc

    words = pa.array(values)
    plain = pc.match_substring_regex(words, f"^{_PLAIN.pattern}$")
    changeable = pc.match_substring_regex(words, r"  |\.")
    return bool(pc.all(plain).as_py()) and not pc.any(changeable).as_py()


def text_column(column: pd.Series) -> pd.Series:
    """A column of any type as text, as `plain_text` does; NaN where there is none.

    Raises
    ------
    UserError
        It holds bytes that are no text, or whole numbers that a float cannot tell apart: such identifiers
        would make one person of many.
    """
    if column.dtype.kind == "f":
        _refuse_blurred(column)
    if isinstance(column.dtype, np.dtype) and column.dtype.kind == "M":
        column = _dates(column)
    try:
        codes, values = pd.factorize(column)
    except TypeError:  # lists and other values without a hash
        texts = [plain_text(value) for value in column]
        return pd.Series(texts, index=column.index, name=column.name, dtype=object).fillna(np.nan)
    distinct: Iterable[Any] = values
    if isinstance(column.dtype, np.dtype) and column.dtype.kind == "f":
        distinct = np.asarray(values, dtype=column.dtype)  # as a double, 0.1 of 32 bits is 0.10000000149
    try:
        texts = [plain_text(value) for value in distinct]
    except UnicodeDecodeError as error:
        raise UserError(
            f"the column {str(column.name)!r} holds bytes that are no UTF-8 text", remedy="write it as text"
        ) from error
    table = np.array([*texts, None], dtype=object)
    table[pd.isna(table)] = np.nan
    return pd.Series(table[codes], index=column.index, name=column.name, dtype=object)


def _dates(column: pd.Series) -> pd.Series:
    """Days without a time, if every time is midnight, as a CSV file of the same column has them."""
    known = column.dropna()
    if len(known) and (known == known.dt.normalize()).all():
        days: pd.Series = column.dt.strftime("%Y-%m-%d")
        return days
    return column


def _labels(n: int) -> str:
    return "1 label" if n == 1 else f"{n:,} labels"
