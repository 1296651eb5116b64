"""Attributes of several values: a person of African and European ancestry is in both groups.

Groups that overlap are compared one at a time. For each value v of such an attribute A there is a
*membership*, an attribute "A: v" of two groups:

v
    All images that have the value v, whatever else they have. An image counts once in each of its groups.
not v
    The rest: all images that have some value of A, but not v. Images without a label of A are in neither.

The two sides of every contrast are therefore disjoint, and no image is on both. Contrasts of different
memberships share images; the correction for all comparisons (Holm) makes no assumption on that.

"A: combinations" has one group a combination that occurs ("Africa + Europe"), so that its groups are
disjoint. To compare two values with each other, it is the one to take: an image that has both is in neither
side, but in a group of its own.

Where an image has one value alone, memberships say what the plain attribute says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from clipmodel.errors import UserError
from clipmodel.yaml_models import closest

SEVERAL: Final = " + "
"""Joins the values of an attribute of which an image has several: "Africa + Europe"."""
SEPARATOR: Final = ": "
NOT: Final = "not "
COMBINATIONS: Final = "combinations"


def membership(attribute: str, value: str) -> str:
    """The name of the attribute that says who has a value.

    Examples
    --------
    >>> membership("ancestry", "Asia")
    'ancestry: Asia'
    """
    return f"{attribute}{SEPARATOR}{value}"


def base_of(name: str, several: Sequence[str]) -> tuple[str, str] | None:
    """The attribute and value of a membership; None if the name is of none.

    Examples
    --------
    >>> base_of("ancestry: Asia", ["ancestry"])
    ('ancestry', 'Asia')
    """
    attribute, separator, value = name.partition(SEPARATOR)
    return (attribute, value) if separator and attribute in several else None


def members(column: pd.Series, order: Sequence[str] = ()) -> list[str]:
    """The single values that occur in a column of joined ones: first those of the order, then by alphabet."""
    present = {value for text in column.dropna().unique() for value in str(text).split(SEVERAL)}
    return [value for value in order if value in present] + sorted(present - set(order))


def has_value(column: pd.Series, value: str) -> pd.Series:
    """True and False where a row has a value, among others or alone; missing where it has none at all.

    Examples
    --------
    >>> has_value(pd.Series(["Asia", "Africa + Asia", "Africa", None]), "Asia").tolist()
    [True, True, False, None]
    """
    codes, texts = pd.factorize(column)
    # Decided once for each distinct text; the None at the end is what the code -1 of a missing value finds.
    known = np.array([*(value in str(text).split(SEVERAL) for text in texts), None], dtype=object)
    return pd.Series(known[codes], index=column.index, dtype=object)


def membership_column(column: pd.Series, value: str) -> pd.Series:
    """The values of a membership: "Asia", "not Asia" or missing; `column` itself for combinations."""
    if value == COMBINATIONS:
        return column
    inside = has_value(column, value)
    return inside.map({True: value, False: NOT + value}).astype(object).where(inside.notna(), np.nan)


def membership_order(column: pd.Series, value: str, order: Sequence[str]) -> list[str]:
    """The groups of a membership in their natural order: of combinations, the single values first."""
    if value != COMBINATIONS:
        return [value, NOT + value]
    single = members(column, order)
    place = {one: number for number, one in enumerate(single)}
    texts = [str(text) for text in column.dropna().unique()]
    # By the number of values first, so that people of one ancestry come before those of two.
    return sorted(texts, key=lambda text: (text.count(SEVERAL), [place[one] for one in text.split(SEVERAL)]))


def joined_values(column: pd.Series, separator: str, order: Sequence[str] = ()) -> pd.Series:
    """A column of values with a separator of its own, joined as memberships need them: each once, in order.

    Raises
    ------
    UserError
        A value contains " + ", which joins values here.

    Examples
    --------
    >>> joined_values(pd.Series(["b;a", "a; a", ""]), ";").tolist()
    ['a + b', 'a', nan]
    """
    place = {value: number for number, value in enumerate(order)}
    codes, texts = pd.factorize(column)
    joined: list[object] = []
    for text in texts:
        if SEVERAL in str(text) and separator.strip() != SEVERAL.strip():
            raise UserError(
                f"{column.name}: the value {text!r} contains {SEVERAL!r}, which joins values here",
                remedy="write it otherwise",
            )
        parts = {part for piece in str(text).split(separator) if (part := " ".join(piece.split()))}
        ordered = sorted(parts, key=lambda part: (place.get(part, len(place)), part))
        joined.append(SEVERAL.join(ordered) or np.nan)
    return pd.Series(np.array([*joined, np.nan], dtype=object)[codes], index=column.index, name=column.name)


def check_value(attribute: str, value: str, column: pd.Series) -> None:
    """Refuse a membership in a value that nobody has.

    Raises
    ------
    UserError
        With the closest value that occurs.
    """
    known = [*members(column), COMBINATIONS]
    if value not in known:
        raise UserError(f"no image has {attribute} {value!r}", remedy=closest(value, known))
