"""Values of an attribute that are probably another value, or no label: femal, F, N/A, unknown.

Nothing is changed here: the owner of the data decides, and writes it into the card (`cards.WrittenCard`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pandas as pd

from probes.datasets.demographic_dataset import DemographicDataset

NO_LABEL: Final = frozenset(
    {"n/a", "na", "n.a.", "nan", "none", "null", "nil", "unknown", "unk", "undefined", "unspecified",
     "missing", "not stated", "not known", "not available", "no answer",
     "prefer not to say", "?", "-", "--", ".", "#n/a", "#na", "#value!", "#ref!", "#null!", "#name?"}
)  # fmt: skip
"""What people write where they have no label, in lower case."""
SHORTEST: Final = 4
"""Letters of a value that may be a misspelling; shorter words differ by one letter too often."""
RARER: Final = 2
"""How many times more often the other value of a misspelling occurs."""


@dataclass(frozen=True, kw_only=True)
class OddValue:
    """A value that is probably not meant as a group of its own.

    Attributes
    ----------
    value
        As it stands in the data.
    n
        Images that have it.
    meant
        The value that was probably meant; None where it says that there is no label.
    """

    value: str
    n: int
    meant: str | None


def odd_values(column: pd.Series) -> list[OddValue]:
    """Return the odd values of a column of labels, the most frequent first.

    A value is odd if it says that there is no label; if it differs from a more frequent value in capitals
    only; if it is the beginning of exactly one longer, more frequent value; or if it lacks, doubles, swaps or
    replaces one letter of one that is at least `RARER` times as frequent. Values with digits are bands or
    numbers and are left alone, but for those that say there is no label.

    Examples
    --------
    >>> odd = odd_values(pd.Series(["Female"] * 4 + ["Male"] * 4 + ["femal", "F", "N/A"]))
    >>> [(one.value, one.meant) for one in odd]
    [('femal', 'Female'), ('F', 'Female'), ('N/A', None)]
    """
    counts = {str(value): int(n) for value, n in column.dropna().astype(str).value_counts().items()}
    labels = {value: n for value, n in counts.items() if not _says_nothing(value)}
    misspelt = {word: meant for word in labels if (meant := _spelt(word, labels)) is not None}
    # Misspellings go first: "femal" would otherwise compete with "Female" for "F".
    words = {word: n for word, n in labels.items() if word not in misspelt}
    short = {word: meant for word in words if (meant := _spelt_out(word, words)) is not None}
    return [
        OddValue(value=value, n=n, meant={**misspelt, **short}.get(value))
        for value, n in counts.items()
        if value not in words or value in short
    ]


def odd_values_of(dataset: DemographicDataset) -> dict[str, list[OddValue]]:
    """Return the odd values of each attribute that has some."""
    found = {name: odd_values(dataset.frame[name]) for name in dataset.attributes}
    return {name: odd for name, odd in found.items() if odd}


def values_mapping(odd: Mapping[str, list[OddValue]]) -> str:
    """Return lines for the card beside the data that map each odd value to what was probably meant."""
    lines = ["values:"]
    for name, values in odd.items():
        lines.append(f"  {json.dumps(name, ensure_ascii=False)}:")
        for one in values:
            meant = "null" if one.meant is None else json.dumps(one.meant, ensure_ascii=False)
            comment = f"{one.n:,} {'image' if one.n == 1 else 'images'}"
            comment += ", no label" if one.meant is None else ""
            lines.append(f"    {json.dumps(one.value, ensure_ascii=False)}: {meant}  # {comment}")
    return "\n".join(lines)


def _says_nothing(value: str) -> bool:
    return " ".join(value.casefold().replace("_", " ").split()) in NO_LABEL


def _spelt(word: str, labels: Mapping[str, int]) -> str | None:
    """The more frequent value that differs in capitals only, or by one letter."""
    others = {value: n for value, n in labels.items() if value != word}
    n, folded = labels[word], word.casefold()
    # The count breaks the tie, then the word, so that of two spellings exactly one is odd.
    same = [value for value, count in others.items()
            if value.casefold() == folded and (count, value) > (n, word)]  # fmt: skip
    if same:
        return max(same, key=lambda value: (labels[value], value))
    # Bands such as 20-29 and 30-39 differ by one character and are both meant.
    if any(sign.isdecimal() for sign in word):
        return None
    near = [value for value, count in others.items()
            if min(len(word), len(value)) >= SHORTEST and count >= RARER * n
            and one_letter_apart(folded, value.casefold())]  # fmt: skip
    return max(near, key=lambda value: labels[value]) if near else None


def _spelt_out(word: str, labels: Mapping[str, int]) -> str | None:
    """The one longer, more frequent value that begins with a short one."""
    folded = word.casefold()
    if len(folded) >= SHORTEST or any(sign.isdecimal() for sign in word):
        return None
    longer = [value for value, count in labels.items()
              if value != word and value.casefold().startswith(folded) and count > labels[word]]  # fmt: skip
    return longer[0] if len(longer) == 1 else None


def one_letter_apart(first: str, second: str) -> bool:
    """Whether two words differ by one letter added, left out or replaced, or by two that are swapped."""
    if first == second or abs(len(first) - len(second)) > 1:
        return False
    start = 0
    while start < min(len(first), len(second)) and first[start] == second[start]:
        start += 1
    rest, other = first[start:], second[start:]
    if len(rest) == len(other):
        return rest[1:] == other[1:] or (rest[1::-1] == other[:2] and rest[2:] == other[2:])
    longer, shorter = (rest, other) if len(rest) > len(other) else (other, rest)
    return longer[1:] == shorter
