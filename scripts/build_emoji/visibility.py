"""Decide by pixels what an image shows: a label counts as visible if the art changes with it."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import resvg_py
from PIL import Image

from scripts.build_emoji.names import GENDERS, NONE, TONES

SIDE = 64
CHANNEL_STEP = 16
MIN_CHANGED = 0.01

Pixels = npt.NDArray[np.uint8]


def render(svg: str, *, side: int = SIDE) -> Pixels:
    """Render an SVG on white; returns uint8 [side, side, 3]."""
    png = resvg_py.svg_to_bytes(
        # No fonts of the machine: glyphs would differ between machines.
        svg_string=svg,
        width=side,
        height=side,
        background="#ffffff",
        skip_system_fonts=True,
    )
    image = Image.open(io.BytesIO(bytes(png))).convert("RGB")
    if image.size == (side, side):
        return np.asarray(image)
    canvas = Image.new("RGB", (side, side), "white")
    canvas.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return np.asarray(canvas)


def changed_share(first: Pixels, second: Pixels) -> float:
    """Return the share of pixels whose largest channel difference exceeds ``CHANNEL_STEP`` of 255."""
    # Differences of unsigned bytes would wrap around at 0.
    difference = np.abs(first.astype(np.int16) - second.astype(np.int16)).max(axis=-1)
    return float((difference > CHANNEL_STEP).mean())


def differs(first: Pixels, second: Pixels) -> bool:
    """Whether at least ``MIN_CHANGED`` of the pixels changed."""
    return changed_share(first, second) >= MIN_CHANGED


class Labels(NamedTuple):
    """The labels of one image that decide what it is compared with."""

    vendor: str
    concept: str
    gender: str
    skin_tone: str
    age: str
    occupation: str


def add_visibility(rows: pd.DataFrame, pixels: Sequence[Pixels]) -> pd.DataFrame:
    """Return `rows` with the four ``visible_*`` columns; row i belongs to ``pixels[i]``.

    An attribute that is ``"none"`` is never visible.
    """
    labels = [Labels(*values) for values in zip(*(rows[name] for name in Labels._fields), strict=True)]
    gallery = Gallery(labels, pixels)
    return rows.assign(
        visible_skin_tone=[gallery.shows_tone(label) for label in labels],
        visible_gender=[gallery.shows_gender(label) for label in labels],
        visible_age=[gallery.shows_age(label) for label in labels],
        visible_occupation=[gallery.shows_occupation(label) for label in labels],
    )


class Gallery:
    """Images by their labels, to be compared with their siblings of the same vendor."""

    def __init__(self, labels: Sequence[Labels], pixels: Sequence[Pixels]) -> None:
        self._pixels = {label[:4]: image for label, image in zip(labels, pixels, strict=True)}

    def shows_tone(self, own: Labels) -> bool:
        """Whether the image differs from every other tone of the same drawing."""
        if own.skin_tone == NONE:
            return False
        others = [own._replace(skin_tone=tone) for tone in TONES if tone != own.skin_tone]
        return self._differs_from_all(own, others)

    def shows_gender(self, own: Labels) -> bool:
        """Whether woman's and man's art differ; for ``person``, both must exist and differ from it.

        One answer for all tones: the median change counts. A woman or man whose counterpart was not
        drawn counts as visible.
        """
        if own.gender == NONE:
            return False
        rivals = [form for form in ("woman", "man") if form != own.gender]
        changes = [self._typical_change(own, own._replace(gender=rival)) for rival in rivals]
        if own.gender == "person":
            return all(change >= MIN_CHANGED for change in changes)
        return math.isnan(changes[0]) or changes[0] >= MIN_CHANGED

    def shows_age(self, own: Labels) -> bool:
        """Whether the image differs from every plain adult of its tone (an adult: every child)."""
        if own.age == NONE:
            return False
        reference = own._replace(concept="child" if own.age == "adult" else "person")
        return self._differs_from_all(own, [reference._replace(gender=form) for form in GENDERS])

    def shows_occupation(self, own: Labels) -> bool:
        """Whether the image differs from the plain person of the same gender and tone."""
        return own.occupation != NONE and self._differs_from_all(own, [own._replace(concept="person")])

    def _differs_from_all(self, own: Labels, others: Sequence[Labels]) -> bool:
        """Whether at least one of `others` was drawn, and `own` differs from each that was."""
        drawn = [self._pixels[other[:4]] for other in others if other[:4] in self._pixels]
        return bool(drawn) and all(differs(self._pixels[own[:4]], image) for image in drawn)

    def _typical_change(self, first: Labels, second: Labels) -> float:
        """Return the median share of changed pixels over the tones that both have; NaN without any."""
        pairs = [
            (first._replace(skin_tone=tone)[:4], second._replace(skin_tone=tone)[:4])
            for tone in (NONE, *TONES)
        ]
        drawn = [pair for pair in pairs if pair[0] in self._pixels and pair[1] in self._pixels]
        if not drawn:
            return math.nan
        # The median, so that one odd drawing among the tones does not decide.
        return float(np.median([changed_share(self._pixels[one], self._pixels[two]) for one, two in drawn]))
