"""The specification that is told first, and which attributes are of people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.tables.groups.group_counts import JOINT
from probes.rules.rule_registry import one_class_rules

KEYS: Final = ["probe", "design", "template", "rule", "threshold"]
MANY_ROWS: Final = 1_000
"""Rows from which on pandas finds distinct ones faster than a dictionary."""
ALL: Final = "(all)"


def image_attributes(manifest: Mapping[str, Any]) -> frozenset[str]:
    """Return the attributes of an image and not of whom it shows, as the card of the data says.

    They belong to accuracy, not to a contrast of people.

    Examples
    --------
    >>> image_attributes({"attributes": [{"name": "split", "of": "image"}, {"name": "age", "of": "person"}]})
    frozenset({'split'})
    """
    return frozenset(entry["name"] for entry in manifest["attributes"] if entry["of"] == "image")


def attribute_columns(manifest: Mapping[str, Any]) -> list[str]:
    """Return every group attribute of the suite, in the order in which the probes name them."""
    return list(dict.fromkeys(a for p in manifest["probes"] for spec in p["groups"] for a in spec))


def of_people(contrasts: pd.DataFrame, manifest: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Return which contrasts compare people, and not designs, splits or other attributes of an image."""
    images = image_attributes(manifest)
    return np.array([images.isdisjoint(by.split(JOINT)) for by in contrasts["by"]], dtype=bool)


def single_attributes(
    probe: Mapping[str, Any], manifest: Mapping[str, Any], *, of_people: bool = True
) -> list[str]:
    """Return the attributes by which a probe splits alone, of the people shown or of the image."""
    images = image_attributes(manifest)
    return [g[0] for g in probe["groups"] if len(g) == 1 and (g[0] in images) != of_people]


def pairs_of_attributes(probe: Mapping[str, Any], manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the intersections of two attributes of the people shown."""
    images = image_attributes(manifest)
    return [(g[0], g[1]) for g in probe["groups"] if len(g) == 2 and not images & set(g)]


def specifications(frame: pd.DataFrame, *, probe: str) -> list[dict[str, Any]]:
    """Return the distinct specifications of one probe, in the order of the frame."""
    rows = frame.loc[frame["probe"] == probe, KEYS]
    if len(rows) > MANY_ROWS:
        rows = rows.drop_duplicates()
    columns = [rows[key].tolist() for key in KEYS]
    found: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for row in zip(*columns, strict=True):
        # NaN equals nothing, not even itself: as None it is one value.
        found.setdefault(tuple(None if value != value else value for value in row), row)
    return [dict(zip(KEYS, row, strict=True)) for row in found.values()]


def primary_specification(frame: pd.DataFrame, *, probe: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the specification that is told first.

    The first class design of the suite, the first template, the highest-scoring class; None if the frame has
    no row of the probe.
    """
    found = specifications(frame, probe=probe["name"])
    designs = [design["name"] for design in probe["designs"]]
    templates = [str(template) for template in probe["templates"]]

    def rank(one: Mapping[str, Any]) -> tuple[bool, int, int]:
        return (
            one["rule"] not in one_class_rules(),
            _place(one["design"], designs),
            _place(one["template"], templates),
        )

    return min(found, key=rank, default=None)


def _place(name: str, names: Sequence[str]) -> int:
    return names.index(name) if name in names else len(names)


def of_specification(frame: pd.DataFrame, specification: Mapping[str, Any]) -> pd.DataFrame:
    """Return the rows of one specification; the NaN threshold of a rule without matches itself."""
    mask = pd.Series(True, index=frame.index)
    for key in KEYS:
        wanted = specification[key]
        mask &= frame[key].isna() if pd.isna(wanted) else frame[key] == wanted
    return frame[mask]
