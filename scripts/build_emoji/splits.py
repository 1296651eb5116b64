"""Assign drawings and splits so that what is held out stays out of training."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pandas as pd

from scripts.build_emoji.names import NONE, TONES
from scripts.build_emoji.vocabulary import OCCUPATIONS

SEED = 0
HELD_OUT_FAMILIES = ("twemoji", "emojione")
VALIDATION_SHARE = 0.05
GENDERS = ("woman", "man", "person")
SHARED_SILHOUETTES = {"fluent-emoji": "fluent", "fluent-emoji-flat": "fluent"}
_SKIPPED_CELLS = 12


def rank(*parts: object) -> float:
    """Return a number in [0, 1) that depends on the seed and `parts` only."""
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
        Whether the pictures of two rows are the same to the eye.
    """
    result = rows.copy()
    space = rows["vendor"].map(lambda vendor: SHARED_SILHOUETTES.get(vendor, vendor))
    result["drawing_id"] = space + "/" + rows["concept"] + "/" + rows["gender"]
    parent = {drawing: drawing for drawing in result["drawing_id"]}
    for _, block in result.groupby(["design_family", "concept", "skin_tone"], sort=True):
        places = list(block.index)
        for k, first in enumerate(places):
            for second in places[k + 1 :]:
                one, two = result.at[first, "drawing_id"], result.at[second, "drawing_id"]
                if _root(parent, one) != _root(parent, two) and same_art(first, second):
                    low, high = sorted((_root(parent, one), _root(parent, two)))
                    parent[high] = low
    result["drawing_id"] = [_root(parent, drawing) for drawing in result["drawing_id"]]
    return result


def _root(parent: dict[str, str], drawing: str) -> str:
    while parent[drawing] != drawing:
        drawing = parent[drawing]
    return drawing


def add_splits(rows: pd.DataFrame) -> pd.DataFrame:
    """Return `rows` with ``split``: held_out_family, held_out_combination, validation or train.

    Validation is drawn by hash of drawing and tone, so both renderings of one silhouette and tone
    go the same way. A picture that shares drawing and tone with a held-out combination (the art of
    woman and man is the same, say) would give it away in training: it goes to validation too.
    """
    result = rows.copy()
    cells = held_out_combinations()
    columns = ("design_family", "occupation", "skin_tone", "gender", "drawing_id")
    result["split"] = [_split(*values, cells=cells) for values in zip(*(rows[c] for c in columns), strict=True)]
    art = result["drawing_id"] + "/" + result["skin_tone"]
    shown = set(art[result["split"] == "held_out_combination"])
    result.loc[(result["split"] == "train") & art.isin(shown), "split"] = "validation"
    return result


def _split(
    family: str, job: str, tone: str, gender: str, drawing: str, *, cells: frozenset[tuple[str, str, str]]
) -> str:
    if family in HELD_OUT_FAMILIES:
        return "held_out_family"
    if job != NONE and (job, tone, gender) in cells:
        return "held_out_combination"
    return "validation" if rank("validation", drawing, tone) < VALIDATION_SHARE else "train"
