"""The section on specification curves: how each gap of people moves over the specifications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from audit import formatting as fmt
from audit.figures.specification_and_change import specification_curve
from audit.report import components
from audit.report.components import NOTE, Column, between, table_of
from audit.report.section import ReportContext, Section
from audit.statistics.variation.specification_variance import PARTS
from audit.tables.specification_curves import GAP
from clipmodel.plurals import number_of
from probes.rules.rule_registry import PREDICTION

TABLE_ID: Final = "specifications-t"
ROWS_LISTED: Final = 120


@dataclass(frozen=True, kw_only=True)
class Specifications:
    """Specification curves, a figure for the widest gap of each outcome, and the table of all gaps."""

    figures: Sequence[components.Figure]
    table: components.Table
    prompts: components.Table | None


def build(context: ReportContext) -> Specifications | None:
    """Return the section, or None if nothing is asked in more than one specification.

    Drawn is, of each outcome, the gap by one attribute of the people shown whose median is widest among those
    that can be tested. A wider one of a group with too few clusters follows it in grey, with the reason.
    """
    result = context.result
    shown = result.specifications[components.of_people(result.specifications, result.manifest)]
    shown = shown[shown["specifications"] > 1]
    if not len(shown):
        return None
    alone = shown[~shown["by"].str.contains(" x ", regex=False)]
    found = [
        _figure(result.gaps, row, context.titles) for row in _drawn(alone, result.gaps).to_dict("records")
    ]
    rows = [
        row | {"title": context.titles[row["probe"], row["outcome"]]} | _shares(row)
        for row in shown.head(ROWS_LISTED).to_dict("records")
    ]
    caption = "Every gap of people over all specifications"
    if len(shown) > ROWS_LISTED:
        caption = f"{ROWS_LISTED} of {len(shown)} gaps of people over all specifications"
    table = table_of(rows, COLUMNS, caption=caption)
    return Specifications(figures=found, table=table, prompts=_prompts(context))


def _drawn(curves: pd.DataFrame, gaps: pd.DataFrame) -> pd.DataFrame:
    """For each outcome the widest testable gap, then the widest one too small to test, if it is wider still.

    Returns
    -------
    The rows with `reason`: why the gap is not tested, or "".
    """
    keys = list(GAP)
    known = gaps[gaps["difference"].notna()]
    tested = known[known["p"].notna()].set_index(keys).index
    why = known[known["p"].isna()].drop_duplicates(keys).set_index(keys)["note"]
    places = pd.MultiIndex.from_frame(curves[keys])
    reason = np.where(places.isin(tested), "", why.reindex(places).fillna("not tested").to_numpy())
    widest = curves.assign(reason=reason, wide=curves["difference_median"].abs())
    widest = widest.sort_values("wide", ascending=False, kind="stable")
    of_outcome = ["probe", "outcome"]
    first = widest[widest["reason"] == ""].drop_duplicates(of_outcome)
    small = widest[widest["reason"] != ""].drop_duplicates(of_outcome)
    # -1, so that an outcome without a testable gap shows its widest untested one.
    least = small[of_outcome].merge(first[[*of_outcome, "wide"]], on=of_outcome, how="left")["wide"]
    small = small[small["wide"].to_numpy() > least.fillna(-1.0).to_numpy()]
    order = {
        outcome: place for place, outcome in enumerate(zip(curves["probe"], curves["outcome"], strict=True))
    }
    both = pd.concat([first, small], ignore_index=True)
    rank = [order[outcome] for outcome in zip(both["probe"], both["outcome"], strict=True)]
    return both.assign(rank=rank).sort_values("rank", kind="stable", ignore_index=True)


def _prompts(context: ReportContext) -> components.Table | None:
    """The gaps of people by one attribute under another prompt, in the class design that is told first."""
    effects = context.result.prompt_effects
    effects = effects[(effects["reference"] != "") & (effects["rule"] == PREDICTION.name)]
    effects = effects[components.of_people(effects, context.result.manifest)]
    effects = effects[~effects["by"].str.contains(" x ", regex=False)]
    effects = effects[effects["design"] == effects.groupby(["probe", "outcome"])["design"].transform("first")]
    if not len(effects):
        return None
    rows = [
        row | {"title": context.titles[row["probe"], row["outcome"]]}
        for row in effects.head(ROWS_LISTED).to_dict("records")
    ]
    columns = components.effect_columns("prompt", "Under another prompt")
    return table_of(rows, columns, caption="Differences under these prompts and under another one")


def _figure(
    gaps: pd.DataFrame, row: Mapping[Any, Any], titles: Mapping[tuple[str, str], str]
) -> components.Figure:
    own = gaps[(gaps[list(GAP)] == [row[name] for name in GAP]).all(axis=1)]
    contrast = f"{titles[row['probe'], row['outcome']]}: {components.contrast(row)}"
    title = f"{contrast}, in {number_of(row['specifications'], 'specification')}"
    reason = f"In grey, since it is not tested: {row['reason']}. " if row["reason"] else ""
    parts = ["specifications", row["probe"], row["outcome"], *(["untested"] if reason else [])]
    svg = specification_curve(own, name=components.slug(*parts), title=title, muted=bool(reason))
    return components.Figure(svg=svg, caption=f"{title}. {reason}{_sources(row)}".strip(), table=TABLE_ID)


def _sources(row: Mapping[Any, Any]) -> str:
    """What the spread of a gap is made of, the largest part first."""
    # A part below half a percent would be written as 0.
    shares = {part: share for part, share in _shares(row).items() if share >= 0.005}
    if not shares:
        return ""
    ordered = sorted(shares.items(), key=lambda item: -item[1])
    return f"Its variance: {', '.join(f'{part} {fmt.percent(share)}' for part, share in ordered)}."


def _shares(row: Mapping[Any, Any]) -> dict[str, float]:
    total = sum(row[f"variance_{part}"] for part in PARTS)
    return {part: row[f"variance_{part}"] / total if total else float("nan") for part in PARTS}


COLUMNS: Final = (
    Column(components.contrast, "Contrast"),
    Column("title", "Outcome"),
    Column("specifications", "Specifications", fmt.integer, number=True),
    Column("difference_median", "Median difference, points", fmt.points, number=True),
    Column(between("difference_min", "difference_max", fmt.points_interval), "Range", number=True),
    Column("share_excludes_zero", "Excludes zero", fmt.percent, number=True),
    Column("curve_p_adjusted", "Adjusted p of the curve", fmt.p_value, number=True),
    *(Column(part, f"Variance: {part}", fmt.percent, number=True) for part in PARTS),
    NOTE,
)
SECTION: Final = Section(
    id="specifications",
    title="Specification curves",
    label="Specifications",
    template="specification_curves.html.j2",
    build=build,
)
