"""The explorer: every rate, gap and interval of a question, under any specification. It needs scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit import formatting as fmt
from audit.conclusions.overview import strongest
from audit.report import components
from audit.report.packing import pack_integers
from audit.report.section import ReportContext, Section
from audit.tables.groups.group_counts import JOINT, group_attributes
from probes.rules.rule_registry import CURVE, PREDICTION, RULES

POINTS: Final = 120_000
"""Points of threshold curves that a page carries at most; beyond, thresholds are thinned evenly."""

# A control character: names of designs and templates cannot hold it.
SEPARATOR: Final = "\x1f"
PACKED: Final = (
    "design", "template", "outcome", "threshold", "n", "clusters", "count", "low", "high"
)  # fmt: skip


def build(context: ReportContext) -> bool | None:
    """Return True where there is something to explore."""
    return True if len(context.result.rates) else None


def explorer_data(context: ReportContext) -> dict[str, Any]:
    """Return what the explorer offers, a record per probe with its threshold curves, and its start.

    A curve is packed by `pack_integers`: counts, and the ends of the intervals in tenths of a percent,
    rounded as `formatting.percent_interval` rounds them; -1 stands for no interval. Thresholds of the suite
    are always kept.
    """
    result = context.result
    attributes = group_attributes(result.rates)
    # Counts do not say what images count for, so a weighted audit shows what its tables have and no more.
    weighted = bool(result.manifest.get("population"))
    kept = _thresholds_kept(result.curves, result.rates, attributes)
    probes = [
        _probe(
            probe,
            context=context,
            attributes=attributes,
            kept=[] if weighted else kept.get(probe["name"], []),
        )
        | {"weighted": weighted}
        for probe in context.probes
        if (result.rates["probe"] == probe["name"]).any()
    ]
    words = {rule.name: rule.words for rule in RULES.values()}
    rules = {"prediction": PREDICTION.name, "curve": CURVE.name, "words": words}
    return {"probes": probes, "start": _start(context), "rules": rules}


def _start(context: ReportContext) -> dict[str, str]:
    """The view that opens first: the cell of the overview with the strongest evidence."""
    found = strongest(context.cells, count=1)
    if not found:
        return {}
    cell = found[0]
    asked = {name: str(cell.specification[name]) for name in ("design", "template")}
    return {"probe": cell.probe, "outcome": cell.outcome, "by": cell.by, **asked}


def _probe(
    probe: Mapping[str, Any], *, context: ReportContext, attributes: Sequence[str], kept: Sequence[float]
) -> dict[str, Any]:
    rates = context.result.rates
    rates = rates[rates["probe"] == probe["name"]]
    curves = context.result.curves
    mask = (curves["probe"] == probe["name"]) & _among(curves["threshold"], kept)
    curves = curves.loc[mask, [*PACKED, *attributes]]
    return {
        "name": probe["name"],
        "title": probe["title"],
        "attributes": list(attributes),
        "outcomes": [[outcome["name"], fmt.words(outcome["title"])] for outcome in probe["outcomes"]],
        "designs": rates["design"].drop_duplicates().tolist(),
        "templates": rates["template"].drop_duplicates().tolist(),
        "groupings": [JOINT.join(by) for by in probe["groups"]],
        "thresholds": list(kept) or _suite_thresholds(rates),
        "curves": _curves(curves, probe=probe, attributes=attributes),
    }


def _suite_thresholds(rates: pd.DataFrame) -> list[float]:
    return sorted(rates.loc[rates["rule"] == CURVE.name, "threshold"].unique().tolist())


def _among(thresholds: pd.Series, kept: Sequence[float]) -> pd.Series:
    # Rounded: thresholds of the suite are decimals, those of the curve multiples of a step.
    return thresholds.round(9).isin(np.round(list(kept), 9))


def _thresholds_kept(
    curves: pd.DataFrame, rates: pd.DataFrame, attributes: Sequence[str]
) -> dict[str, list[float]]:
    """Thresholds of each probe's curves, thinned so that all curves together stay within `POINTS`."""
    # Rounded up: -(-a // b).
    step = max(1, -(-len(curves) // POINTS))
    kept = {}
    for probe, own in curves.groupby("probe", sort=False):
        every = sorted(own["threshold"].unique().tolist())
        of_suite = set(_suite_thresholds(rates[rates["probe"] == probe]))
        # The last threshold always: a curve has to end where its axis does.
        kept[str(probe)] = sorted({*every[::step], every[-1], *of_suite})
    return kept


def _curves(
    curves: pd.DataFrame, *, probe: Mapping[str, Any], attributes: Sequence[str]
) -> dict[str, dict[str, Any]]:
    split = (curves[list(attributes)] != components.ALL).to_numpy()
    packed = {}
    for by in probe["groups"]:
        own = curves[(split == [name in by for name in attributes]).all(axis=1)]
        if not len(own):
            continue
        group = own[by[0]].astype(str)
        for name in by[1:]:
            group = group + JOINT + own[name].astype(str)
        own = own.assign(_group=group)
        for (design, template, outcome), part in own.groupby(["design", "template", "outcome"], sort=False):
            key = SEPARATOR.join([str(design), str(template), str(outcome), JOINT.join(by)])
            packed[key] = _packed(part)
    return packed


def _packed(part: pd.DataFrame) -> dict[str, Any]:
    rank, groups = pd.factorize(part["_group"])
    # Sorted by group and threshold: the script knows both from the place, so neither is stored.
    order = np.lexsort((part["threshold"].to_numpy(), rank))
    first = order[np.flatnonzero(np.diff(rank[order], prepend=-1))]
    columns = {name: part[name].to_numpy() for name in ("n", "clusters", "count", "low", "high")}
    return {
        "groups": groups.tolist(),
        "n": columns["n"][first].tolist(),
        "clusters": columns["clusters"][first].tolist(),
        "count": pack_integers(columns["count"][order].tolist()),
        "low": pack_integers(_tenths(columns["low"][order])),
        "high": pack_integers(_tenths(columns["high"][order])),
    }


def _tenths(shares: NDArray[np.floating[Any]]) -> list[int]:
    """Shares in tenths of a percent, rounded as they are written; -1 for NaN."""
    # Through the text, so that the script shows the very digits of the tables.
    return [-1 if share != share else round(float(f"{100 * share:.1f}") * 10) for share in shares.tolist()]


SECTION: Final = Section(
    id="explore", title="Explore", label="Explore", template="explorer.html.j2", build=build, folded=False
)
