"""People who took back their consent: their images leave every audit, and the labels of them are not kept.

`withdrawn.txt` in the folder of the data lists them, one identifier a line: the value of the cluster column
(a person), or the id of one image. Empty lines and lines that begin with "#" do not count.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clipmodel.errors import UserError
from clipmodel.yaml_models import is_file
from probes.datasets.cards import DataCard

WITHDRAWN_FILE: Final = "withdrawn.txt"
WITHDRAWN_REASON: Final = "consent was withdrawn"
_DATE = re.compile(r"(?<!\d)(20\d\d)(\d\d)(\d\d)(?!\d)")


def withdrawn_names(home: Path) -> frozenset[str]:
    """The identifiers in `withdrawn.txt` of a folder; none where there is no such file.

    Raises
    ------
    UserError
        The file is no UTF-8 text.
    """
    file = home / WITHDRAWN_FILE
    if not is_file(file):
        return frozenset()
    try:
        # A byte order mark would become part of the first identifier, which then would match nobody.
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UserError(
            f"{file}: not UTF-8 text", remedy="save it as UTF-8, one identifier a line"
        ) from error
    return frozenset(name for line in lines if (name := line.strip()) and not name.startswith("#"))


def withdrawn_rows(
    frame: pd.DataFrame, files: Sequence[str], *, home: Path, cluster: str | None
) -> NDArray[np.bool_]:
    """[N] the rows that must go: those of a withdrawn person or image, and all others of the same files.

    An image of two persons shows the one who withdrew whichever of them a row is about.
    """
    names = withdrawn_names(home)
    columns = ["image_id", *([cluster] if cluster else [])]
    gone = np.zeros(len(frame), dtype=bool)
    if not names:
        return gone
    for column in columns:
        # As text: identifiers may be numbers in the table.
        gone |= frame[column].astype("str").isin(list(names)).to_numpy()
    paths = pd.Series(list(files), dtype=object)
    return np.asarray(paths.isin(list(paths[gone])).to_numpy(), dtype=bool)


def with_withdrawn(dropped: pd.DataFrame | None, n: int) -> pd.DataFrame | None:
    """What was left out, and `n` withdrawn images with nothing but the reason: no label of them stays."""
    if not n:
        return dropped
    rows = pd.DataFrame({"reason": [WITHDRAWN_REASON] * n}, dtype=object)
    return rows if dropped is None else pd.concat([dropped.astype(object), rows], ignore_index=True)


def with_withdrawal_note(card: DataCard, n: int) -> DataCard:
    """The card, which says how many images were left out."""
    if not n:
        return card
    images = "1 image was" if n == 1 else f"{n:,} images were"
    return replace(
        card, notes=(*card.notes, f"{images} left out because consent was withdrawn ({WITHDRAWN_FILE}).")
    )


def outdated(card: DataCard, today: date) -> str | None:
    """A sentence if a newer version of the data must be out by now; None otherwise.

    The date of a version is eight digits in it, as in "20250716.u.gT5_rFTA". A version without a date cannot
    be judged, which is said as well.

    Examples
    --------
    >>> from datetime import date
    >>> card = replace(unknown_card("x", "X", caution=""), version="20250716.a", renewed_days=31)
    >>> outdated(card, date(2025, 8, 1)) is None
    True
    """
    if card.renewed_days is None:
        return None
    found = _DATE.search(card.version)
    advice = "people who withdrew since then are still in it: download the newest"
    if found is None:
        return f"The version of {card.title} has no date; a new one comes every {card.renewed_days} days."
    try:
        made = date(*map(int, found.groups()))
    except ValueError:
        return f"The version {card.version} of {card.title} has no date that can be read."
    days = (today - made).days
    return None if days <= card.renewed_days else f"{card.title} {card.version} is {days} days old; {advice}."
