"""The audit on one screen: for each question and grouping the worst-off group, and how sure that is.

A cell of the overview is one outcome of one probe, split by one grouping. It names the contrast that speaks
most for a difference, among both sides of every contrast and all specifications (class design, template,
rule, threshold) of the suite.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import pandas as pd

from audit.conclusions.confirmation import CONFIRMED, NOT_CONFIRMED
from audit.result import AuditResult
from audit.tables.groups.group_counts import SPECIFICATION, group_attributes
from probes.records import ALL

State = Literal["confirmed", "not confirmed", "explored", "not shown", "too few"]
STATES: Final[Mapping[State, str]] = {
    "confirmed": "confirmed on held-out images",
    "not confirmed": "found, but not confirmed on held-out images",
    "explored": "found in exploration, not tested on held-out images",
    "not shown": "no difference shown",
    "too few": "too few images or clusters to tell",
}
"""Every state of a cell, the strongest evidence first, and what it means."""

UNNAMED: Final = ("the rest", "(overall)")
"""References that are no group: an effect is told of the named side where there is one."""

LEVEL: Final = 0.05
LITTLE_SKILL: Final = 0.05
"""Share of the way from chance to always right below which a model is said to be close to chance."""

_SIDES: Final = (
    ("rate_group", "rate_reference"), ("n_group", "n_reference"), ("group", "reference"),
    ("clusters_group", "clusters_reference"),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One outcome of one probe by one grouping.

    Attributes
    ----------
    worse, better
        The side with the higher and the lower rate of the outcome. For a misclassification or a harm the
        first is the worse off.
    worse_rate, better_rate, worse_n, better_n, worse_clusters, better_clusters
        Their rates, in [0, 1], images and clusters.
    difference, low, high
        Of the rates, at least 0, with its 95 % interval. NaN where nothing could be compared.
    p_adjusted
        As in `AuditResult.gaps`.
    specification
        The specification in which the contrast is told.
    holds_in, specifications
        In how many specifications the contrast is a finding, and of how many.
    finding
        Its id among the findings, or "".
    margin, verdict
        Of a gate on differences that judges the cell; None without one.
    compared, unjudged
        Contrasts of the cell in all specifications, and those with too few images.
    """

    probe: str
    outcome: str
    by: str
    state: State
    worse: str
    better: str
    worse_rate: float
    better_rate: float
    worse_n: int
    better_n: int
    worse_clusters: int
    better_clusters: int
    difference: float
    low: float
    high: float
    p_adjusted: float
    specification: Mapping[str, Any]
    holds_in: int
    specifications: int
    finding: str
    margin: float | None
    verdict: str | None
    compared: int
    unjudged: int


def overview_cells(result: AuditResult, *, groupings: Sequence[str] | None = None) -> list[Cell]:
    """Return the cells of an audit in the order of the suite.

    Parameters
    ----------
    groupings
        Values of `gaps.by` to keep; all by default.
    """
    gaps = result.gaps
    if groupings is not None:
        gaps = gaps[gaps["by"].isin(list(groupings))]
    findings: dict[tuple[str, ...], Mapping[Any, Any]] = {
        (row["probe"], row["outcome"], row["by"], row["group"], row["reference"]): row
        for row in result.findings.to_dict("records")
    }
    oriented = _worse_first(gaps)
    cells = []
    for (probe, outcome, by), rows in oriented.groupby(["probe", "outcome", "by"], sort=False):
        gate = _gate(result.gates, probe=str(probe), outcome=str(outcome), by=str(by))
        cells.append(_cell(rows, findings=findings, gate=gate))
    order = {
        (probe["name"], outcome["name"]): place
        for place, (probe, outcome) in enumerate(
            (probe, outcome) for probe in result.manifest["probes"] for outcome in probe["outcomes"]
        )
    }
    return sorted(cells, key=lambda cell: order.get((cell.probe, cell.outcome), len(order)))


def strongest(cells: Sequence[Cell], *, count: int) -> list[Cell]:
    """Return the cells with the strongest evidence; those in which no difference is shown come last.

    They are ordered by state, then by the share of specifications that agree, then by the end of the interval
    nearest to no difference. Of several groupings that name the same group of the same outcome only the first
    is kept.
    """
    rank = {state: place for place, state in enumerate(STATES)}
    known = [cell for cell in cells if cell.difference == cell.difference]
    ordered = sorted(
        known, key=lambda cell: (rank[cell.state], -cell.holds_in / cell.specifications, -cell.low)
    )
    seen: set[tuple[str, str, str]] = set()
    kept = []
    for cell in ordered:
        key = (cell.probe, cell.by, cell.worse)
        if key not in seen:
            seen.add(key)
            kept.append(cell)
    return kept[:count]


def chance_level(result: AuditResult, probe: Mapping[str, Any]) -> float | None:
    """Return the accuracy of guessing one of a probe's classes evenly; None for a probe without a truth.

    The classes counted are those that can be right: they have a truth in the data, or else all classes.
    """
    if not probe.get("truth"):
        return None
    own = result.counts[result.counts["probe"] == probe["name"]] if len(result.counts) else result.counts
    truths = own["truth"].nunique() if len(own) else 0
    classes = truths or len(probe["classes"])
    return 1 / classes if classes else None


def at_chance(result: AuditResult) -> list[tuple[Mapping[str, Any], float, float]]:
    """Return the probes whose accuracy is close to chance or below: probe, balanced accuracy, chance level.

    Balanced accuracy is compared, so that a model that always gives the most frequent answer does not pass,
    in the best specification. It is close to chance if it exceeds the level by less than half the interval
    of the accuracy, or by less than `LITTLE_SKILL` of what there is to gain.
    """
    found: list[tuple[Mapping[str, Any], float, float]] = []
    names = group_attributes(result.accuracy)
    for probe in result.manifest["probes"]:
        level = chance_level(result, probe)
        rows = result.accuracy[result.accuracy["probe"] == probe["name"]]
        rows = rows[(rows[names] == ALL).all(axis=1) & rows["rate"].notna()]
        if level is None or not len(rows):
            continue
        # The best specification: a model is at chance if no prompt lifts it above.
        best = rows.iloc[int(rows["balanced"].fillna(rows["rate"]).argmax())]
        value = float(best["rate"] if pd.isna(best["balanced"]) else best["balanced"])
        if value - max((best["high"] - best["low"]) / 2, LITTLE_SKILL * (1 - level)) <= level:
            found.append((probe, value, level))
    return found


def _worse_first(gaps: pd.DataFrame) -> pd.DataFrame:
    """Contrasts with the side of the higher rate first; `mirrored` says which were turned."""
    turned = gaps["difference"] < 0
    oriented = gaps.assign(mirrored=turned, own_group=gaps["group"], own_reference=gaps["reference"])
    for first, second in _SIDES:
        oriented[first] = gaps[first].where(~turned, gaps[second])
        oriented[second] = gaps[second].where(~turned, gaps[first])
    oriented["difference"] = gaps["difference"].abs()
    oriented["difference_low"] = gaps["difference_low"].where(~turned, -gaps["difference_high"])
    oriented["difference_high"] = gaps["difference_high"].where(~turned, -gaps["difference_low"])
    return oriented


def _cell(
    rows: pd.DataFrame,
    *,
    findings: Mapping[tuple[str, ...], Mapping[Any, Any]],
    gate: Mapping[Any, Any] | None,
) -> Cell:
    told = strongest_evidence(rows)
    key = (told["probe"], told["outcome"], told["by"], told["own_group"], told["own_reference"])
    mirror = (*key[:3], key[4], key[3])
    finding = findings.get(key) or findings.get(mirror)
    same = rows[(rows["own_group"] == key[3]) & (rows["own_reference"] == key[4])]
    holds = _holds(same)
    judged = rows["difference_low"].notna()
    return Cell(
        probe=told["probe"], outcome=told["outcome"], by=told["by"],
        state=_state(told, finding),
        worse=told["group"], better=told["reference"],
        worse_rate=told["rate_group"], better_rate=told["rate_reference"],
        worse_n=int(told["n_group"]), better_n=int(told["n_reference"]),
        worse_clusters=int(told["clusters_group"]), better_clusters=int(told["clusters_reference"]),
        difference=told["difference"], low=told["difference_low"], high=told["difference_high"],
        p_adjusted=told["p_adjusted"],
        specification={name: told[name] for name in SPECIFICATION if name != "outcome"},
        holds_in=int(holds.sum()), specifications=int(same["difference"].notna().sum()),
        finding=str(finding["id"]) if finding is not None else "",
        margin=None if gate is None else float(gate["margin"]),
        verdict=None if gate is None else str(gate["verdict"]),
        compared=len(rows), unjudged=int((~judged).sum()),
    )  # fmt: skip


def strongest_evidence(rows: pd.DataFrame) -> dict[str, Any]:
    """The contrast that the cell tells: a finding before others, a named worse side before the rest."""
    ranked = rows.assign(
        _known=rows["difference_low"].notna() & rows["p_adjusted"].notna(),
        _holds=_holds(rows),
        _named=~rows["group"].isin(UNNAMED),
        _size=rows["difference"].fillna(-1.0),
    )
    order = ["_known", "_holds", "_named", "_size"]
    first = ranked.sort_values(order, ascending=False, kind="stable").iloc[0]
    return {str(name): value for name, value in first.items()}


def _holds(rows: pd.DataFrame) -> pd.Series:
    return rows["p_adjusted"] < LEVEL


def _state(told: Mapping[str, Any], finding: Mapping[Any, Any] | None) -> State:
    if pd.isna(told["difference_low"]) or pd.isna(told["p_adjusted"]):
        return "too few"
    if finding is None or not told["_holds"]:
        return "not shown"
    if finding["status"] == CONFIRMED:
        return "confirmed"
    return "not confirmed" if finding["status"] == NOT_CONFIRMED else "explored"


def _gate(gates: pd.DataFrame, *, probe: str, outcome: str, by: str) -> Mapping[Any, Any] | None:
    """The strictest gate on differences of this cell."""
    own = gates[
        (gates["probe"] == probe) & (gates["outcome"] == outcome) & (gates["by"] == by)
        & (gates["metric"] == "difference")
    ]  # fmt: skip
    return None if not len(own) else own.sort_values("margin", kind="stable").iloc[0].to_dict()
