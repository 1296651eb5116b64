"""The plain values a page is made of, and the names of specifications and groups in words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit import formatting as fmt

KEYS: Final = ["probe", "design", "template", "rule", "threshold"]
ALL: Final = "(all)"

# Attributes of an image and not of whom it shows: they belong to accuracy, not to a contrast of people.
IMAGE_ATTRIBUTES: Final = frozenset({"split", "vendor", "design_family"})


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table on the page; numbers are set flush right."""

    label: str
    number: bool = False


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table on the page, its cells formatted."""

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    id: str = ""


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A figure with its caption and the id of the table that holds the same numbers."""

    svg: str
    caption: str
    table: str


def text_columns(*labels: str) -> list[Column]:
    """Columns of words."""
    return [Column(label=label) for label in labels]


def number_columns(*labels: str) -> list[Column]:
    """Columns of numbers."""
    return [Column(label=label, number=True) for label in labels]


def slug(*parts: str) -> str:
    """Return an id that is safe in HTML and in url(#...) whatever the names hold."""
    return "-".join(re.sub(r"[^a-z0-9]+", "-", str(part).lower()).strip("-") or "x" for part in parts)


def attribute_columns(manifest: Mapping[str, Any]) -> list[str]:
    """Return every group attribute of the suite, in the order in which the probes name them."""
    return list(dict.fromkeys(a for p in manifest["probes"] for spec in p["groups"] for a in spec))


def of_people(contrasts: pd.DataFrame) -> NDArray[np.bool_]:
    """Return which contrasts compare people, and not designs, splits or other attributes of an image."""
    return np.array([IMAGE_ATTRIBUTES.isdisjoint(by.split(" x ")) for by in contrasts["by"]], dtype=bool)


def single_attributes(probe: Mapping[str, Any], *, of_people: bool) -> list[str]:
    """Return the attributes by which a probe splits alone, of the people shown or of the image."""
    return [g[0] for g in probe["groups"] if len(g) == 1 and (g[0] in IMAGE_ATTRIBUTES) != of_people]


def pairs_of_attributes(probe: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the intersections of two attributes of the people shown."""
    return [(g[0], g[1]) for g in probe["groups"] if len(g) == 2 and not IMAGE_ATTRIBUTES & set(g)]


def specifications(frame: pd.DataFrame, *, probe: str) -> list[dict[str, Any]]:
    """Return the distinct ways of asking one probe, in the order of the frame."""
    rows = frame.loc[frame["probe"] == probe, KEYS].drop_duplicates()
    return [{str(key): value for key, value in row.items()} for row in rows.to_dict("records")]


def primary_specification(frame: pd.DataFrame, *, probe: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the way of asking that the page shows first.

    The first class design of the suite, the first template, the highest-scoring class; None if the frame has
    no row of the probe.
    """
    found = specifications(frame, probe=probe["name"])
    designs = [design["name"] for design in probe["designs"]]
    templates = [str(template) for template in probe["templates"]]

    def rank(one: Mapping[str, Any]) -> tuple[bool, int, int]:
        return one["rule"] != "argmax", _place(one["design"], designs), _place(one["template"], templates)

    return min(found, key=rank, default=None)


def _place(name: str, names: Sequence[str]) -> int:
    return names.index(name) if name in names else len(names)


def of_specification(frame: pd.DataFrame, specification: Mapping[str, Any]) -> pd.DataFrame:
    """Return the rows of one way of asking; the NaN threshold of rule "argmax" matches itself."""
    mask = pd.Series(True, index=frame.index)
    for key in KEYS:
        wanted = specification[key]
        mask &= frame[key].isna() if pd.isna(wanted) else frame[key] == wanted
    return frame[mask]


def asking(specification: Mapping[Any, Any], *, design: bool = True) -> str:
    """Return a way of asking in words: "default, plain, probability ≥ 0.2"."""
    rule = fmt.rule_words(specification["rule"], specification["threshold"])
    start = f"{fmt.words(specification['design'])}, " if design else ""
    return f"{start}{fmt.words(specification['template'])}, {rule}"


def group_name(row: Mapping[Any, Any], attributes: Sequence[str]) -> str:
    """Return a row's group in words: "dark × woman", or "all images" where it is not split."""
    split = [str(row[a]) for a in attributes if row.get(a, ALL) != ALL]
    return fmt.words(" x ".join(split)) if split else "all images"


def contrast(gap: Mapping[Any, Any]) -> str:
    """Return a contrast in words, without its numbers: "skin tone dark against light"."""
    return f"{fmt.words(gap['by'])} {fmt.words(gap['group'])} against {fmt.words(gap['reference'])}"


def contrast_numbers(gap: Mapping[Any, Any], *, low: str, high: str) -> str:
    """Return the effect of a contrast with its interval, n and adjusted p."""
    interval = fmt.points_interval(gap[low], gap[high])
    return (
        f"{fmt.points(gap['difference'])} percentage points (95\N{NO-BREAK SPACE}% interval {interval}; "
        f"n {fmt.integer(gap['n_group'])} against {fmt.integer(gap['n_reference'])}; "
        f"adjusted p {fmt.p_value(gap['p_adjusted'])})"
    )
