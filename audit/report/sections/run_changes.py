"""Changes between two models of several training runs on a page: with other images, and in another run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from audit import formatting as fmt
from audit.report import components
from audit.report.components import ADJUSTED_P, NOTE, Column, between, table_of

ROWS_LISTED: Final = 200
COLUMNS: Final = (
    Column("what", "Group or contrast"),
    Column("by", "By", lambda by: fmt.words(by) or fmt.MISSING),
    Column("outcome", "Outcome", fmt.words),
    Column("n_group", "n", fmt.integer, number=True),
    Column("clusters_group", "Clusters", fmt.integer, number=True),
    Column("first", "First model, mean", fmt.percent, number=True),
    Column("second", "Second model, mean", fmt.percent, number=True),
    Column("change", "Change, points", fmt.points, number=True),
    Column(between("images_low", "images_high", fmt.points_interval), "With other images", number=True),
    Column(between("mean_low", "mean_high", fmt.points_interval), "Over all training runs", number=True),
    Column(between("run_low", "run_high", fmt.points_interval), "Another run of each", number=True),
    ADJUSTED_P,
    Column("effect", "Effect"),
    NOTE,
)


@dataclass(frozen=True, kw_only=True)
class RunChanges:
    """The changes of one probe: of its rates, and of its differences between groups."""

    id: str
    title: str
    tables: Sequence[components.Table]


def run_changes_page(
    changes: pd.DataFrame, manifest: Mapping[str, Any], *, sides: Mapping[str, Sequence[Mapping[str, Any]]]
) -> dict[str, Any]:
    """Return the values of the page of `audit.comparison.run_changes.run_change_table`.

    Parameters
    ----------
    manifest
        Of the first run, for titles.
    sides
        Under "first" and "second", model, fingerprint and data of each training run.
    """
    return {
        "title": "What changed between two models of several training runs",
        "sides": [(label, sides[side]) for label, side in (("First", "first"), ("Second", "second"))],
        "parts": [part for probe in manifest["probes"] for part in _part(changes, probe)],
        "told_apart": [_sentence(row, manifest) for row in beyond_the_runs(changes).to_dict("records")],
    }


def beyond_the_runs(changes: pd.DataFrame) -> pd.DataFrame:
    """Return the changes of which the interval over all training runs excludes zero, wider ones first."""
    apart = (changes["mean_low"] > 0) | (changes["mean_high"] < 0)
    return changes[apart].sort_values("change", key=lambda change: -change.abs(), kind="stable")


def _part(changes: pd.DataFrame, probe: Mapping[str, Any]) -> list[RunChanges]:
    own = changes[(changes["probe"] == probe["name"]) & ~changes["by"].str.contains(" x ", regex=False)]
    if not len(own):
        return []
    own = own.assign(what=[_what(row) for row in own.to_dict("records")])
    tables = [
        table_of(rows.head(ROWS_LISTED), COLUMNS, caption=f"{probe['title']}: {words}")
        for rows, words in (
            (own[own["reference"] == ""], "rates"), (own[own["reference"] != ""], "differences"),
        )
        if len(rows)
    ]  # fmt: skip
    return [RunChanges(id=components.slug("runs", probe["name"]), title=probe["title"], tables=tables)]


def _what(row: Mapping[Any, Any]) -> str:
    return components.contrast(row) if row["reference"] else fmt.words(row["group"])


def _sentence(row: Mapping[Any, Any], manifest: Mapping[str, Any]) -> str:
    title = next(probe["title"] for probe in manifest["probes"] if probe["name"] == row["probe"])
    return (
        f"{title}, {fmt.words(row['outcome'])}, {_what(row)}: {fmt.points(row['change'])} percentage points "
        f"(over all training runs {fmt.points_interval(row['mean_low'], row['mean_high'])}; another run of "
        f"each {fmt.points_interval(row['run_low'], row['run_high'])}; n "
        f"{fmt.counted(row['n_group'], row['clusters_group'])})."
    )
