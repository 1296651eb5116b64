"""The section on what the class design changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from audit import figures
from audit import formatting as fmt
from audit.report import components
from audit.report.components import INTERVAL, Column, table_of
from audit.report.section import ReportContext, Section


@dataclass(frozen=True, kw_only=True)
class Designs:
    """The class designs of one probe side by side."""

    id: str
    title: str
    descriptions: str
    figures: Sequence[components.Figure]
    table: components.Table


def build(context: ReportContext) -> list[Designs]:
    """Return one part for every probe that is asked under more than one class design."""
    result = context.result
    several = [probe for probe in context.probes if len(probe["designs"]) > 1]
    return [_designs(result.rates, result.manifest, probe=probe) for probe in several]


def _designs(rates: pd.DataFrame, manifest: Mapping[str, Any], *, probe: Mapping[str, Any]) -> Designs:
    shown = across_designs(rates, probe=probe)
    identity = components.slug("designs", probe["name"])
    described = [f"{fmt.words(d['name'])}: {d['description']}" for d in probe["designs"] if d["description"]]
    people = components.single_attributes(probe, manifest)
    found = []
    for outcome in probe["outcomes"]:
        title = f"{probe['title']}: {fmt.words(outcome['title'])}, by class design"
        svg = figures.design_dumbbell(
            shown[shown["outcome"] == outcome["name"]],
            attributes=people,
            name=f"{identity}-{components.slug(outcome['name'])}",
            title=title,
            axis="% of the group's images",
        )
        found.append(components.Figure(svg=svg, caption=f"{title}.", table=identity))
    return Designs(
        id=identity,
        title=probe["title"],
        descriptions="; ".join(described)
        if len(described) <= figures.MOST_DESIGNS
        else f"{len(described)} class designs; the manifest in audit.json says what each of them changes.",
        figures=found,
        table=_design_table(shown, probe=probe),
    )


def across_designs(rates: pd.DataFrame, *, probe: Mapping[str, Any]) -> pd.DataFrame:
    """Return the rates of a probe that differ from its primary specification in class design only."""
    primary = components.primary_specification(rates, probe=probe)
    if primary is None:
        return rates.iloc[:0]
    rank = {design["name"]: place for place, design in enumerate(probe["designs"])}
    # The design is overwritten, so that rows of all designs match the primary specification in all else.
    same = components.of_specification(rates.assign(design=primary["design"]), primary).index
    place = rates.loc[same, "design"].map(rank).dropna().sort_values(kind="stable")
    found: pd.DataFrame = rates.loc[place.index]
    return found.reset_index(drop=True)


def _design_table(rates: pd.DataFrame, *, probe: Mapping[str, Any]) -> components.Table:
    names = components.attribute_columns({"probes": [probe]})
    designs = list(dict.fromkeys(rates["design"]))
    if len(designs) > figures.MOST_DESIGNS:
        return _extremes_table(rates, names=names, n_designs=len(designs), title=probe["title"])
    rows = []
    for key, cell in rates.groupby(["outcome", *names], sort=False):
        group = components.group_name(dict(zip(["outcome", *names], key, strict=True)), names)
        by_design = cell.set_index("design")
        of_design = {f"{d}-{name}": by_design.loc[d, name] for d in designs for name in _ENDS}
        sizes = {name: cell[name].iloc[0] for name in ("n", "clusters")}
        rows.append({"group": group, "outcome": key[0], **sizes, **of_design})
    columns = [
        Column("group", "Group"),
        Column("outcome", "Outcome", fmt.words),
        Column("n", "n", fmt.integer, number=True),
        Column("clusters", "Clusters", fmt.integer, number=True),
        *(column for design in designs for column in _of_design(design)),
    ]
    return table_of(rows, columns, caption=f"{probe['title']}: rates by class design")


def _extremes_table(
    rates: pd.DataFrame, *, names: Sequence[str], n_designs: int, title: str
) -> components.Table:
    """One row per group, with the first, the lowest and the highest of many designs."""
    rows = []
    for key, cell in rates.groupby(["outcome", *names], sort=False):
        group = components.group_name(dict(zip(["outcome", *names], key, strict=True)), names)
        first = {name: cell[name].iloc[0] for name in ("n", "clusters", *_ENDS)}
        known = cell[cell["rate"].notna()].sort_values("rate", kind="stable")
        least, most = (known.iloc[[end]].to_dict("records") for end in (0, -1)) if len(known) else ([], [])
        ends = {
            f"{which}_{name}": row[0][name] if row else missing
            for which, row in (("lowest", least), ("highest", most))
            for name, missing in (("rate", None), ("design", fmt.MISSING))
        }
        rows.append({"group": group, "outcome": key[0], **first, **ends})
    caption = f"{title}: rates under the first of {n_designs} class designs, the lowest and the highest"
    return table_of(rows, _EXTREMES, caption=caption)


_ENDS: Final = ("rate", "low", "high")
_EXTREMES: Final = (
    Column("group", "Group"),
    Column("outcome", "Outcome", fmt.words),
    Column("n", "n", fmt.integer, number=True),
    Column("clusters", "Clusters", fmt.integer, number=True),
    Column("rate", "Rate, first design", fmt.percent, number=True),
    Column(components.between("low", "high", fmt.percent_interval), INTERVAL, number=True),
    Column("lowest_rate", "Lowest rate", fmt.percent, number=True),
    Column("lowest_design", "Under", fmt.words),
    Column("highest_rate", "Highest rate", fmt.percent, number=True),
    Column("highest_design", "Under", fmt.words),
)


def _of_design(design: str) -> tuple[Column, Column]:
    rate, low, high = (f"{design}-{name}" for name in _ENDS)
    return (
        Column(rate, f"Rate, {fmt.words(design)}", fmt.percent, number=True),
        Column(components.between(low, high, fmt.percent_interval), INTERVAL, number=True),
    )


SECTION: Final = Section(
    id="designs", title="Class designs", label="Class designs", template="designs.html.j2", build=build
)
