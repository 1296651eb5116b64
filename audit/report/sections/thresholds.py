"""The section on what the threshold changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from audit import figures
from audit import formatting as fmt
from audit.report import components
from audit.report.components import Column, table_of
from audit.report.section import ReportContext, Section
from audit.tables.groups.group_counts import group_attributes
from probes.rules.rule_registry import CURVE

TABLE_THRESHOLDS: Final = (0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
COLUMNS: Final = (
    Column("group", "Group"), Column("outcome", "Outcome"), Column("n", "n", fmt.integer, number=True),
    Column("clusters", "Clusters", fmt.integer, number=True),
    *(Column(f"{t:g}", f"≥ {t:g}", fmt.percent, number=True) for t in TABLE_THRESHOLDS),
)  # fmt: skip


def build(context: ReportContext) -> dict[str, Any] | None:
    """Return the threshold curve of every outcome that has one, and a table of some of its points.

    Drawn for the first class design and template, by the first attribute of the people shown.
    """
    rates = context.result.rates
    used = rates[rates["rule"] == CURVE.name]
    thresholds = {str(probe): sorted(set(own["threshold"])) for probe, own in used.groupby("probe")}
    found, rows = curves_of(context.result.curves, context.result.manifest, thresholds=thresholds)
    if not found:
        return None
    return {"figures": found, "table": table_of(rows, COLUMNS, caption="Rates at some thresholds")}


def curves_of(
    curves: pd.DataFrame, manifest: Mapping[str, Any], *, thresholds: Mapping[str, Sequence[float]]
) -> tuple[list[components.Figure], list[dict[str, Any]]]:
    """Return the figures, and the rows of the table.

    Parameters
    ----------
    thresholds
        By probe, the thresholds of the tables of rates, which the figures mark.
    """
    found: list[components.Figure] = []
    rows: list[dict[str, Any]] = []
    for probe in manifest["probes"]:
        of_probe = curves[curves["probe"] == probe["name"]]
        first = components.primary_specification(of_probe, probe=probe)
        people = components.single_attributes(probe, manifest)
        if first is None or not people:
            continue
        same = (of_probe["design"] == first["design"]) & (of_probe["template"] == first["template"])
        for outcome in probe["outcomes"]:
            own = of_probe[same & (of_probe["outcome"] == outcome["name"])]
            if len(own):
                label = f"{probe['title']}: {fmt.words(outcome['title'])}"
                marks = thresholds.get(probe["name"], ())
                name = components.slug("curve", probe["name"], outcome["name"])
                found.append(_curve(own, attribute=people[0], name=name, label=label, marks=marks))
                rows += _curve_rows(own, attribute=people[0], label=label)
    return found, rows


def _curve(
    rates: pd.DataFrame, *, attribute: str, name: str, label: str, marks: Sequence[float]
) -> components.Figure:
    title = f"{label}, by threshold and {fmt.words(attribute)}"
    svg = figures.threshold_curves(
        rates, attribute=attribute, name=name, title=title, axis="% of the group's images", thresholds=marks
    )
    return components.Figure(svg=svg, caption=f"{title}.", table="thresholds-t")


def _curve_rows(rates: pd.DataFrame, *, attribute: str, label: str) -> list[dict[str, Any]]:
    others = [c for c in group_attributes(rates) if c != attribute]
    alone = rates[(rates[attribute] != components.ALL) & (rates[others] == components.ALL).all(axis=1)]
    rows = []
    for group in fmt.in_order(alone[attribute]):
        own = alone[alone[attribute] == group]
        # isclose: 0.3 of the table and 0.3 of a range of steps differ in the last bit.
        at = {f"{t:g}": own.loc[np.isclose(own["threshold"], t), "rate"] for t in TABLE_THRESHOLDS}
        values = {name: rate.iloc[0] if len(rate) else np.nan for name, rate in at.items()}
        sizes = {name: own[name].iloc[0] for name in ("n", "clusters")}
        rows.append({"group": fmt.words(group), "outcome": label, **sizes, **values})
    return rows


SECTION: Final = Section(
    id="thresholds", title="Thresholds", label="Thresholds", template="thresholds.html.j2", build=build
)
