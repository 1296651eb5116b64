"""Simulated images and the naive way from them to records: a plain mask for every cell and event."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from audit.tables.context import TableContext
from probes.records import (
    EVENT_COLUMNS,
    KEYS,
    MISSING,
    SCHEMA_VERSION,
    Records,
    attribute_entry,
    empty_counts,
    empty_table,
)

ATTRIBUTES = ("skin_tone", "gender")
SETS = {"identity": ["judge", "cook"], "harm: crime": ["thief"], "harm: non-human": ["gorilla"]}
CLASSES = [name for members in SETS.values() for name in members]
OUTCOMES = [
    {"name": "misclassified", "title": "misclassified", "kind": "misclassified", "sets": []},
    {"name": "harm", "title": "harm", "kind": "set", "sets": ["harm: crime", "harm: non-human"]},
    {"name": "crime", "title": "crime", "kind": "set", "sets": ["harm: crime"]},
]


def probe_entry(**changes: Any) -> dict[str, Any]:
    """A manifest's entry of a probe with a truth, two attributes and every kind of outcome."""
    return {
        "name": "work",
        "title": "Work",
        "truth": "occupation",
        "classes": [{"name": name, "set": group} for group, names in SETS.items() for name in names],
        "groups": [["skin_tone"], ["gender"], ["skin_tone", "gender"]],
        "outcomes": OUTCOMES,
        "references": {},
    } | changes


def manifest_of(*probes: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    grouped = dict.fromkeys(name for probe in probes for grouping in probe["groups"] for name in grouping)
    return {
        "schema_version": SCHEMA_VERSION,
        "suite": {"name": "invented"},
        "model": {"name": "coin"},
        "data": {"name": "invented"},
        "attributes": [{"name": name, "column": name, "of": "person", "order": []} for name in grouped],
        "probes": [dict(probe) for probe in probes],
        "seed": 0,
        "gates": [],
    } | changes


def naive_counts(images: pd.DataFrame, *, attributes: Sequence[str] = ATTRIBUTES) -> pd.DataFrame:
    """Counts under the rule argmax, from the attributes, truth and prediction of each image."""
    rows = []
    images = images.fillna(dict.fromkeys(attributes, MISSING))
    events = [("class", name, [name]) for name in CLASSES] + [("set", name, SETS[name]) for name in SETS]
    for cell in itertools.product(*(images[name].unique() for name in [*attributes, "truth"])):
        inside = (images[[*attributes, "truth"]] == list(cell)).all(axis=1)
        for kind, event, members in events if inside.any() else ():
            happened = inside & images["prediction"].isin(members)
            key = ("work", "default", "plain", "argmax", np.nan)
            rows.append((*key, *cell, kind, event, inside.sum(), happened.sum()))
    table = pd.DataFrame(rows, columns=[*KEYS, *attributes, *EVENT_COLUMNS])
    return table.astype({"n": "int64", "count": "int64", "threshold": "float64"})


def context_of(
    manifest: Mapping[str, Any],
    *,
    pairs: pd.DataFrame | None = None,
    outcomes: pd.DataFrame | None = None,
) -> TableContext:
    """The context of a table that starts from gaps, pairs or outcomes, and not from counts."""
    return TableContext.of(empty_counts([]), manifest, [], pairs=pairs, outcomes=outcomes)


def records_of(
    images: pd.DataFrame,
    *,
    probe: Mapping[str, Any] | None = None,
    attributes: Sequence[str] = ATTRIBUTES,
    **manifest: Any,
) -> Records:
    """Records of one probe from a frame of images; `manifest` replaces entries of the manifest."""
    entries = [attribute_entry(name) for name in attributes]
    return Records(
        manifest=manifest_of(probe or probe_entry(), **{"attributes": entries, **manifest}),
        counts=naive_counts(images, attributes=attributes),
        curves=empty_counts(attributes),
        excluded=empty_table("excluded", attributes),
    )


def draw_images(n: int, *, seed: int, extra: Mapping[str, float] | None = None) -> pd.DataFrame:
    """Images whose attributes are independent; `extra` adds to the error rate of 0.2 by skin tone."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(["judge", "cook"], n)
    tone = rng.choice(["light", "medium", "dark"], n)
    error = 0.2 + pd.Series(tone).map(dict(extra or {})).fillna(0.0).to_numpy(dtype=float)
    other = np.where(truth == "judge", "cook", "judge")
    wrong = np.where(rng.random(n) < 0.5, other, rng.choice(["thief", "gorilla"], n))
    prediction = np.where(rng.random(n) < error, wrong, truth)
    gender = rng.choice(["woman", "man"], n)
    return pd.DataFrame({"skin_tone": tone, "gender": gender, "truth": truth, "prediction": prediction})


def with_holes(images: pd.DataFrame) -> pd.DataFrame:
    """Some attributes and truths missing, and no image of the intersection medium x man."""
    holes = images.copy()
    holes.loc[::9, "skin_tone"] = None
    holes.loc[::13, "gender"] = None
    holes.loc[::17, "truth"] = MISSING
    return holes[~((holes["skin_tone"] == "medium") & (holes["gender"] == "man"))].reset_index(drop=True)
