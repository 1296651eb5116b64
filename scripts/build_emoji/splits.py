"""Assign drawings and splits so that what is held out stays out of training."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from itertools import combinations

import pandas as pd

from scripts.build_emoji.names import GENDERS, TONES
from scripts.build_emoji.vocabulary import OCCUPATIONS

SEED = 0
HELD_OUT_FAMILIES = ("noto", "emojione")
VALIDATION_SHARE = 0.05
# Fluent's 3D and flat drawings share their outlines, so one would give the other away.
SHARED_SILHOUETTES = {"fluent-emoji": "fluent", "fluent-emoji-flat": "fluent"}
_SKIPPED_CELLS = 12


def rank(*parts: object) -> float:
    """Return a number in [0, 1) that depends on the seed and `parts` only."""
    # A hash instead of a generator: the rank of a drawing does not change when others are added.
    text = "\x1f".join(str(part) for part in (SEED, *parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64


def held_out_combinations() -> frozenset[tuple[str, str, str]]:
    """Return 36 of the 240 (occupation, tone, gender) cells, balanced over all three.

    Occupations in hashed order; each skips at most one gender (each gender is skipped four times), and the
    tones go round: 36 = 16 x 3 - 12 cells, 12 a gender, 7 or 8 a tone, 2 or 3 an occupation.
    """
    jobs = sorted(OCCUPATIONS, key=lambda job: rank("occupation", job))
    skipped = {job: GENDERS[i % 3] for i, job in enumerate(jobs[:_SKIPPED_CELLS])}
    cells = [(job, gender) for gender in GENDERS for job in jobs if skipped.get(job) != gender]
    return frozenset((job, TONES[i % len(TONES)], gender) for i, (job, gender) in enumerate(cells))


def add_drawing_ids(rows: pd.DataFrame, same_art: Callable[[int, int], bool]) -> pd.DataFrame:
    """Return `rows` with ``drawing_id``: recolourings, shared silhouettes and identical art share it.

    Parameters
    ----------
    rows : pandas.DataFrame
        With vendor, design_family, concept, gender, skin_tone and a 0..n-1 index.
    same_art : callable
        Whether the images of two rows are the same to the eye.
    """
    space = [SHARED_SILHOUETTES.get(vendor, vendor) for vendor in rows["vendor"]]
    named = zip(space, rows["concept"], rows["gender"], strict=True)
    drawings = ["/".join(parts) for parts in named]
    parent = {drawing: drawing for drawing in drawings}
    for block in rows.groupby(["design_family", "concept", "skin_tone"], sort=True).groups.values():
        for first, second in combinations(block, 2):
            one, two = _root(parent, drawings[first]), _root(parent, drawings[second])
            if one != two and same_art(first, second):
                # The smaller name is the root, so that identifiers do not depend on the order of the pairs.
                parent[max(one, two)] = min(one, two)
    return rows.assign(drawing_id=[_root(parent, drawing) for drawing in drawings])


def _root(parent: dict[str, str], drawing: str) -> str:
    while parent[drawing] != drawing:
        drawing = parent[drawing]
    return drawing


def add_splits(rows: pd.DataFrame) -> pd.DataFrame:
    """Return `rows` with ``split``: held_out_family, held_out_combination, validation or train.

    Validation is drawn by hash of drawing and tone, so both renderings of one silhouette and tone
    go the same way. An image that shares drawing and tone with a held-out combination (the art of
    woman and man is the same, say) would give it away in training: it goes to validation too.
    """
    cells = held_out_combinations()
    combination = pd.Series(
        [cell in cells for cell in zip(rows["occupation"], rows["skin_tone"], rows["gender"], strict=True)],
        index=rows.index,
    )
    family = rows["design_family"].isin(HELD_OUT_FAMILIES)
    colouring = rows["drawing_id"] + "/" + rows["skin_tone"]
    given_away = colouring.isin(colouring[combination & ~family])
    chosen = colouring.map(lambda key: rank("validation", *key.rsplit("/", 1)) < VALIDATION_SHARE)
    # Later rows win: a held-out family stays out whatever else holds of an image.
    split = pd.Series("train", index=rows.index)
    split[chosen | given_away] = "validation"
    split[combination] = "held_out_combination"
    split[family] = "held_out_family"
    return rows.assign(split=split)
