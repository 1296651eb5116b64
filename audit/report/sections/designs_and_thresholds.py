"""The sections on what the class design and the threshold change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from audit import figures
from audit import formatting as fmt
from audit.report import components
from audit.tables.group_counts import group_attributes

TABLE_THRESHOLDS = (0.1, 0.2, 0.3, 0.5, 0.7, 0.9)


@dataclass(frozen=True, kw_only=True)
class Designs:
    """The class designs of one probe side by side."""

    id: str
    title: str
    descriptions: str
    figures: Sequence[components.Drawing]
    table: components.Table


def designs_section(rates: pd.DataFrame, *, probes: Sequence[Mapping[str, Any]]) -> list[Designs]:
    """Return one part for every probe that is asked under more than one class design."""
    return [_designs(rates, probe=probe) for probe in probes if len(probe["designs"]) > 1]


def _designs(rates: pd.DataFrame, *, probe: Mapping[str, Any]) -> Designs:
    shown = across_designs(rates, probe=probe)
    identity = components.slug("designs", probe["name"])
    described = [f"{fmt.words(d['name'])}: {d['description']}" for d in probe["designs"] if d["description"]]
    people = components.single_attributes(probe, of_people=True)
    drawings = []
    for outcome in probe["outcomes"]:
        title = f"{probe['title']}: {fmt.words(outcome['title'])}, by class design"
        svg = figures.design_dumbbell(
            shown[shown["outcome"] == outcome["name"]],
            attributes=people,
            name=f"{identity}-{components.slug(outcome['name'])}",
            title=title,
            axis="% of the group's images",
        )
        drawings.append(components.Drawing(svg=svg, caption=f"{title}.", table=identity))
    return Designs(
        id=identity,
        title=probe["title"],
        descriptions="; ".join(described),
        figures=drawings,
        table=_design_table(shown, probe=probe),
    )


def across_designs(rates: pd.DataFrame, *, probe: Mapping[str, Any]) -> pd.DataFrame:
    """Return the rates of a probe that differ from its primary specification in class design only."""
    primary = components.primary_specification(rates, probe=probe)
    if primary is None:
        return rates.iloc[:0]
    designs = [design["name"] for design in probe["designs"]]
    found = [components.of_specification(rates, primary | {"design": design}) for design in designs]
    return pd.concat(found, ignore_index=True)


def _design_table(rates: pd.DataFrame, *, probe: Mapping[str, Any]) -> components.Table:
    names = components.attribute_columns({"probes": [probe]})
    designs = list(dict.fromkeys(rates["design"]))
    rows = []
    for key, cell in rates.groupby(["outcome", *names], sort=False):
        by_design = cell.set_index("design")
        group = components.group_name(dict(zip(["outcome", *names], key, strict=True)), names)
        cells = [f(by_design.loc[d]) for d in designs for f in (_rate, _interval)]
        rows.append([group, fmt.words(str(key[0])), fmt.integer(cell["n"].iloc[0]), *cells])
    labels = [text for d in designs for text in (f"Rate, {fmt.words(d)}", "95 % interval")]
    columns = [*components.text_columns("Group", "Outcome"), *components.number_columns("n", *labels)]
    return components.Table(caption=f"{probe['title']}: rates by class design", columns=columns, rows=rows)


def _rate(row: pd.Series) -> str:
    return fmt.percent(row["rate"])


def _interval(row: pd.Series) -> str:
    return fmt.percent_interval(row["low"], row["high"])


def curves_section(
    curves: pd.DataFrame, *, probes: Sequence[Mapping[str, Any]], thresholds: Mapping[str, Sequence[float]]
) -> tuple[list[components.Drawing], components.Table]:
    """Return the threshold curve of every outcome that has one, and a table of some of its points.

    Drawn for the first class design and template, by the first attribute of the people shown.

    Parameters
    ----------
    thresholds
        By probe, the thresholds of the tables of rates.
    """
    drawings: list[components.Drawing] = []
    rows: list[list[str]] = []
    for probe in probes:
        first = components.primary_specification(curves, probe=probe)
        people = components.single_attributes(probe, of_people=True)
        if first is None or not people:
            continue
        same = (curves["design"] == first["design"]) & (curves["template"] == first["template"])
        for outcome in probe["outcomes"]:
            own = curves[same & (curves["probe"] == probe["name"]) & (curves["outcome"] == outcome["name"])]
            if len(own):
                label = f"{probe['title']}: {fmt.words(outcome['title'])}"
                marks = thresholds.get(probe["name"], ())
                name = components.slug("curve", probe["name"], outcome["name"])
                drawings.append(_curve(own, attribute=people[0], name=name, label=label, marks=marks))
                rows += _curve_rows(own, attribute=people[0], label=label)
    labels = [f"\N{GREATER-THAN OR EQUAL TO} {threshold:g}" for threshold in TABLE_THRESHOLDS]
    columns = [*components.text_columns("Group", "Outcome"), *components.number_columns("n", *labels)]
    return drawings, components.Table(caption="Rates at some thresholds", columns=columns, rows=rows)


def _curve(
    rates: pd.DataFrame, *, attribute: str, name: str, label: str, marks: Sequence[float]
) -> components.Drawing:
    title = f"{label}, by threshold and {fmt.words(attribute)}"
    svg = figures.threshold_curves(
        rates, attribute=attribute, name=name, title=title, axis="% of the group's images", thresholds=marks
    )
    return components.Drawing(svg=svg, caption=f"{title}.", table="thresholds-t")


def _curve_rows(rates: pd.DataFrame, *, attribute: str, label: str) -> list[list[str]]:
    others = [c for c in group_attributes(rates) if c != attribute]
    alone = rates[(rates[attribute] != components.ALL) & (rates[others] == components.ALL).all(axis=1)]
    rows = []
    for group in fmt.in_order(alone[attribute]):
        own = alone[alone[attribute] == group]
        at = [own.loc[np.isclose(own["threshold"], threshold), "rate"] for threshold in TABLE_THRESHOLDS]
        cells = [fmt.percent(rate.iloc[0]) if len(rate) else fmt.MISSING for rate in at]
        rows.append([fmt.words(group), label, fmt.integer(own["n"].iloc[0]), *cells])
    return rows
