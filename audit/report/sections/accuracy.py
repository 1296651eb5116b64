"""The section on accuracy: how often the highest-scoring class is the right one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from audit import figures
from audit import formatting as fmt
from audit.report import components
from audit.report.components import INTERVAL, Column, between, table_of
from audit.report.section import ReportContext, Section

_NUMBERS: Final = (
    Column("n", "n", fmt.integer, number=True),
    Column("clusters", "Clusters", fmt.integer, number=True),
    Column("count", "Right", fmt.integer, number=True),
    Column("rate", "Accuracy", fmt.percent, number=True),
    Column(between("low", "high", fmt.percent_interval), INTERVAL, number=True),
    Column("balanced", "Balanced", fmt.percent, number=True),
)
_STANDARD: Final = (
    Column("evaluation_title", "Set"), Column("evaluation_task", "Task", fmt.words),
    Column("metric", "Metric"), Column("n", "n", fmt.integer, number=True),
    Column("value", "Value", fmt.percent, number=True),
    Column(between("low", "high", fmt.percent_interval), INTERVAL, number=True),
    Column("chance_level", "Guessing", fmt.percent, number=True),
)  # fmt: skip
_OVERVIEW: Final = (Column("title", "Probe"), Column(components.asking, "Specification"), *_NUMBERS)
_GROUPS: Final = (
    Column("name", "Group"), Column("by", "By"), Column(components.asking, "Specification"), *_NUMBERS,
    Column(lambda row: row["note"] or "", "Note"),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """Accuracy of one probe: a figure and a table."""

    id: str
    title: str
    figure: components.Figure
    table: components.Table


@dataclass(frozen=True, kw_only=True)
class AccuracySection:
    """Accuracy over all images, and of every probe by group."""

    standard: components.Table | None
    overview: components.Table | None
    parts: Sequence[Accuracy]


def build(context: ReportContext) -> AccuracySection | None:
    """Return the section; None if no probe has a truth and no standard accuracy was asked for.

    The figure shows the attributes of the images (split, design family) if a probe splits by one: who is
    misclassified is drawn with the outcomes.
    """
    accuracy, standard = context.result.accuracy, context.result.standard
    if not len(accuracy) and not len(standard):
        return None
    own = [probe for probe in context.probes if (accuracy["probe"] == probe["name"]).any()]
    return AccuracySection(
        standard=table_of(standard, _STANDARD, caption="Standard accuracy of the same weights")
        if len(standard)
        else None,
        overview=overview(accuracy, probes=context.probes) if len(accuracy) else None,
        parts=[_part(accuracy, probe=probe, manifest=context.result.manifest) for probe in own],
    )


def _part(accuracy: pd.DataFrame, *, probe: Mapping[str, Any], manifest: Mapping[str, Any]) -> Accuracy:
    primary = components.primary_specification(accuracy, probe=probe)
    assert primary is not None, "the caller keeps probes with rows only"
    identity = components.slug("accuracy", probe["name"])
    title = f"Accuracy of {probe['title']}"
    of_images, of_people = (
        components.single_attributes(probe, manifest, of_people=people) for people in (False, True)
    )
    svg = figures.rate_forest(
        components.of_specification(accuracy, primary), attributes=of_images or of_people,
        name=f"fig-{identity}", title=title, axis="accuracy, % of images",
    )  # fmt: skip
    caption = f"{title} ({components.asking(primary)}). The dashed line is the accuracy over all images."
    figure = components.Figure(svg=svg, caption=caption, table=identity)
    return Accuracy(id=identity, title=probe["title"], figure=figure, table=_table(accuracy, probe=probe))


def overview(accuracy: pd.DataFrame, *, probes: Sequence[Mapping[str, Any]]) -> components.Table:
    """Return accuracy over all images: one row for every probe and specification."""
    names = components.attribute_columns({"probes": probes})
    overall = accuracy[(accuracy[names] == components.ALL).all(axis=1)]
    titles = {probe["name"]: probe["title"] for probe in probes}
    rows = overall.assign(title=overall["probe"].map(titles))
    return table_of(rows, _OVERVIEW, caption="Accuracy over all images")


def _table(accuracy: pd.DataFrame, *, probe: Mapping[str, Any]) -> components.Table:
    names = components.attribute_columns({"probes": [probe]})
    rows = [
        row | {"name": components.group_name(row, names), "by": _by(row, names)}
        for row in accuracy[accuracy["probe"] == probe["name"]].to_dict("records")
    ]
    return table_of(rows, _GROUPS, caption=f"Accuracy of {probe['title']} by group")


def _by(row: Mapping[Any, Any], names: Sequence[str]) -> str:
    return fmt.words(" x ".join(a for a in names if row[a] != components.ALL)) or fmt.MISSING


SECTION: Final = Section(
    id="accuracy", title="Accuracy", label="Accuracy", template="accuracy.html.j2", build=build
)
