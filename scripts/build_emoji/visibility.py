"""Decide by pixels what a picture shows: a label counts as visible if the art changes with it."""

from __future__ import annotations

import io
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd
import resvg_py
from PIL import Image

from scripts.build_emoji.names import NONE, TONES

SIDE = 64
CHANNEL_STEP = 16
MIN_CHANGED = 0.01

Pixels = npt.NDArray[np.uint8]
_PERSONAL = ("person", "fantasy being")
_ALL_TONES = (NONE, *TONES)


def render(svg: str, *, side: int = SIDE) -> Pixels:
    """Render an SVG on white; returns uint8 [side, side, 3]."""
    png = resvg_py.svg_to_bytes(
        svg_string=svg, width=side, height=side, background="#ffffff", skip_system_fonts=True
    )
    picture = Image.open(io.BytesIO(bytes(png))).convert("RGB")
    if picture.size == (side, side):
        return np.asarray(picture)
    canvas = Image.new("RGB", (side, side), "white")
    canvas.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return np.asarray(canvas)


def changed_share(first: Pixels, second: Pixels) -> float:
    """Return the share of pixels whose largest channel difference exceeds ``CHANNEL_STEP`` of 255."""
    difference = np.abs(first.astype(np.int16) - second.astype(np.int16)).max(axis=-1)
    return float((difference > CHANNEL_STEP).mean())


def differs(first: Pixels, second: Pixels) -> bool:
    """Whether at least ``MIN_CHANGED`` of the pixels changed."""
    return changed_share(first, second) >= MIN_CHANGED


def add_visibility(rows: pd.DataFrame, pixels: list[Pixels]) -> pd.DataFrame:
    """Return `rows` with the four ``visible_*`` columns; row i belongs to ``pixels[i]``.

    An attribute that is ``"none"`` is never visible.
    """
    table = _Lookup(rows, pixels)
    keys = list(rows[["vendor", "concept", "gender", "skin_tone", "category"]].itertuples(index=False))
    result = rows.copy()
    result["visible_skin_tone"] = [_tone_visible(table, i, *key) for i, key in enumerate(keys)]
    result["visible_gender"] = [_gender_visible(table, i, *key) for i, key in enumerate(keys)]
    ages = zip(rows["age"], keys, strict=True)
    result["visible_age"] = [_age_visible(table, i, age, *key) for i, (age, key) in enumerate(ages)]
    jobs = zip(rows["occupation"], keys, strict=True)
    result["visible_occupation"] = [_job_visible(table, i, job, *key) for i, (job, key) in enumerate(jobs)]
    return result


class _Lookup:
    """Pictures by vendor, concept, gender and tone."""

    def __init__(self, rows: pd.DataFrame, pixels: list[Pixels]) -> None:
        self.pixels = pixels
        columns = ("vendor", "concept", "gender", "skin_tone")
        self.index = {key: i for i, key in enumerate(zip(*(rows[c] for c in columns), strict=True))}

    def find(self, *key: str) -> Pixels | None:
        place = self.index.get(key)
        return None if place is None else self.pixels[place]

    def typical_change(self, vendor: str, concept: str, first: str, second: str) -> float:
        """Return the median share of changed pixels over the tones both genders have; NaN without any."""
        pairs = ((self.find(vendor, concept, first, t), self.find(vendor, concept, second, t)) for t in _ALL_TONES)
        shares = [changed_share(a, b) for a, b in pairs if a is not None and b is not None]
        return float(np.median(shares)) if shares else float("nan")


def _all_differ(own: Pixels, others: Iterable[Pixels | None]) -> bool:
    present = [other for other in others if other is not None]
    return bool(present) and all(differs(own, other) for other in present)


def _tone_visible(
    table: _Lookup, i: int, vendor: str, concept: str, gender: str, tone: str, category: str
) -> bool:
    """Visible if the picture differs from every other tone of the same drawing."""
    if tone == NONE:
        return False
    others = (table.find(vendor, concept, gender, other) for other in TONES if other != tone)
    return _all_differ(table.pixels[i], others)


def _gender_visible(
    table: _Lookup, i: int, vendor: str, concept: str, gender: str, tone: str, category: str
) -> bool:
    """Visible if woman's and man's art differ; for ``person``, if both exist and neither is used.

    One answer for all tones of a drawing. A woman or man whose counterpart was not drawn counts as visible.
    """
    if gender == NONE:
        return False
    rivals = [form for form in ("woman", "man") if form != gender]
    shares = [table.typical_change(vendor, concept, gender, rival) for rival in rivals]
    if gender == "person":
        return all(share >= MIN_CHANGED for share in shares)
    return not shares[0] < MIN_CHANGED


def _age_visible(
    table: _Lookup, i: int, age: str, vendor: str, concept: str, gender: str, tone: str, category: str
) -> bool:
    """Visible if the picture differs from every plain adult of its tone (an adult: from every child)."""
    if age == NONE or category not in _PERSONAL:
        return False
    reference = "child" if age == "adult" else "person"
    forms = (table.find(vendor, reference, form, tone) for form in ("woman", "man", "person"))
    return _all_differ(table.pixels[i], forms)


def _job_visible(
    table: _Lookup, i: int, job: str, vendor: str, concept: str, gender: str, tone: str, category: str
) -> bool:
    """Visible if the picture differs from the plain person of the same vendor, gender and tone."""
    if job == NONE:
        return False
    return _all_differ(table.pixels[i], [table.find(vendor, "person", gender, tone)])
