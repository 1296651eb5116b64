"""Which attributes have an order that a trend can follow, and the number that each value stands for.

An attribute has a scale if the card of the data names it under `ordinal`, if it is called like one (age,
years, skin tone or type, income), or if its values are bands such as "20-29". The numbers are, in this order:

numbers
    the values themselves, where all are numbers: years, tones of the Monk scale;
midpoints
    of bands of completed years or whole units: [20, 30) for "20-29" is 25; an open last band ("60+") is as
    wide as the one before it;
ranks
    1, 2, 3 ... in the natural order, where the data state one.

Attributes with fewer than three values have no trend: two groups are a contrast.
"""

from __future__ import annotations

import re
from typing import Final

from probes.datasets.demographic_dataset import DemographicDataset
from probes.records.manifest_types import Scale

LEAST_LEVELS: Final = 3
NAMED: Final = re.compile(
    r"(.*_)?(ages?|years?|skin_?tones?|skin_?types?|monk|mst|fitzpatrick|incomes?)(_.*)?", re.IGNORECASE
)
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_BAND = re.compile(r"(\d+)\s*(?:-|\u2013|to)\s*(\d+)")
_OPEN = re.compile(r"(?:more than |over )?(\d+)(?:\s*\+| and over| or more| or older)?")


def scale_of(dataset: DemographicDataset, attribute: str) -> Scale | None:
    """The scale of an attribute; None if it has no order, or fewer than three values."""
    levels = dataset.levels(attribute)
    named = attribute in dataset.card.ordinal or NAMED.fullmatch(attribute) is not None
    if len(levels) < LEAST_LEVELS:
        return None
    # Bands have an order, whatever the attribute is called.
    if midpoints := band_midpoints(levels):
        return {"kind": "midpoints", "scores": midpoints}
    if not named:
        return None
    if all(_NUMBER.fullmatch(level) for level in levels):
        return {"kind": "numbers", "scores": [float(level) for level in levels]}
    # Ranks only where the data state the order: the alphabet is none.
    if set(levels) <= set(dataset.orders.get(attribute, ())):
        return {"kind": "ranks", "scores": [float(rank) for rank in range(1, len(levels) + 1)]}
    return None


def band_midpoints(levels: list[str]) -> list[float] | None:
    """The midpoint of each band, None if the values are no bands; the last one may be open.

    Examples
    --------
    >>> band_midpoints(["0-2", "3-9", "10-19", "more than 20"])
    [1.5, 6.5, 15.0, 25.0]
    """
    midpoints: list[float] = []
    width = 0
    for place, level in enumerate(levels):
        if match := _BAND.fullmatch(level):
            first, last = int(match[1]), int(match[2])
            # Completed years: "20-29" ends at the thirtieth birthday.
            width = last + 1 - first
            midpoints.append((first + last + 1) / 2)
        elif place == len(levels) - 1 and width and (match := _OPEN.fullmatch(level)):
            midpoints.append(int(match[1]) + width / 2)
        else:
            return None
    # Bands out of order would turn a trend around.
    return midpoints if midpoints == sorted(midpoints) else None
