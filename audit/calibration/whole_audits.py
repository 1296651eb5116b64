"""What one simulated audit says, against the truth: a row of counts; and what many of them say together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from audit.calibration.scenarios import BY_NAME, GATE_MARGIN, Scenario
from audit.result import AuditResult
from audit.statistics.clusters.cluster_robust import LEAST_CLUSTERS
from audit.statistics.proportion.intervals import clopper_pearson
from probes.records import ALL

KINDS: Final = ("rate", "difference", "ratio", "band", "few_rate", "few_difference", "few_ratio")
"""Intervals that are counted; those of groups with fewer than `LEAST_CLUSTERS` persons apart."""
ROW_COLUMNS: Final = (
    "scenario", "audit", *(f"{kind}_{what}" for kind in KINDS for what in ("covered", "n")),
    "false_findings", "true_gaps", "true_found", "exaggeration", "selected_covered", "selected_n",
    "findings_missed", "findings",
    "confirmed_false", "gates_wrong_fail", "gates_wrong_pass", "gates_right", "gates", "few_findings",
)  # fmt: skip
SUMMARY_COLUMNS: Final = ("scenario", "figure", "value", "low", "high", "of")


def row_of(result: AuditResult, scenario: Scenario, *, audit: int) -> dict[str, Any]:
    """Count what the intervals, findings and gates of one audit hit and miss.

    Returns
    -------
    Keys `ROW_COLUMNS`: intervals that cover the truth and all that there are, by kind; findings of a gap that
    is none (against the rest: that names another group than the different one), true gaps and how many of
    them are found, the mean of found over true gaps, the selection-adjusted intervals of found true gaps that
    cover, all findings whose interval misses (of a gap that is none it always does), false findings that
    held-out images confirm, gates that fail or pass against the truth.
    """
    truth = _Truth(scenario)
    covered = {**truth.rates(result), **truth.differences(result), **truth.bands(result)}
    findings = result.findings[result.findings["by"] == "origin"]
    true_gap = truth.is_gap(findings)
    other = result.findings[result.findings["by"] != "origin"]
    gap = truth.difference(findings)
    estimates = findings.assign(truth=gap)[true_gap]
    selected = findings["selected_low"].to_numpy() <= gap
    selected &= gap <= findings["selected_high"].to_numpy()
    few = findings[["clusters_group", "clusters_reference"]].min(axis=1) < LEAST_CLUSTERS
    named = {(row.probe, row.group) for row in findings[true_gap].itertuples()}
    false = result.findings.loc[[*findings.index[~true_gap], *other.index]]
    gates = result.gates.set_index("probe")["verdict"]
    beyond, within = gate_truths(scenario)
    verdicts = gates.reindex([f"probe {p}" for p in range(scenario.probes)]).to_numpy()
    return {
        "scenario": scenario.name, "audit": audit, **covered,
        "false_findings": len(false), "true_gaps": scenario.gaps, "true_found": len(named),
        "exaggeration": float((estimates["difference"] / estimates["truth"]).mean()),
        "selected_covered": int(selected[true_gap].sum()), "selected_n": int(true_gap.sum()),
        "findings_missed": int((~selected & ~np.isnan(gap)).sum()) + len(other),
        "findings": int(np.count_nonzero(~np.isnan(gap))) + len(other),
        "confirmed_false": int((false["status"] == "confirmed").sum()),
        "gates_wrong_fail": int(((verdicts == "FAIL") & ~beyond).sum()),
        "gates_wrong_pass": int(((verdicts == "PASS") & ~within).sum()),
        "gates_right": int((((verdicts == "FAIL") & beyond) | ((verdicts == "PASS") & within)).sum()),
        "gates": len(verdicts),
        "few_findings": int(few.sum()),
    }  # fmt: skip


def gate_truths(scenario: Scenario) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """[P] whether a true gap lies beyond the gates' margin, so that FAIL is right; whether all lie within."""
    probes = np.arange(scenario.probes) < scenario.gaps
    # A gap at the margin, up to the rounding of `GAP_AT_MARGIN`, is neither beyond nor within: FAIL and
    # PASS are both wrong there.
    beyond, at_least = (scenario.largest_gap > GATE_MARGIN + d for d in (1e-4, -1e-4))
    return probes & beyond, ~(probes & at_least)


class _Truth:
    """True values beside the rows of an audit's tables."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario

    def rate(self, probe: NDArray[Any], group: NDArray[Any], threshold: NDArray[np.float64]) -> Any:
        """[R] true rates; argmax is a threshold of one half; those of several groups are NaN if they
        differ."""
        place = {name: number for number, name in enumerate(self.scenario.groups)}
        numbers = [int(str(name).split()[1]) for name in probe]
        base = [
            self.scenario.rate(number, place[name]) if name in place else self._common(number)
            for number, name in zip(numbers, group, strict=True)
        ]
        at = np.where(np.isnan(threshold), 0.5, threshold)
        return special.ndtr(special.ndtri(np.array(base, dtype=float)) - special.ndtri(at))

    def _common(self, probe: int) -> float:
        """The rate of all images together, where all groups have one; NaN otherwise."""
        return float("nan") if probe < self.scenario.gaps else self.scenario.rate(probe, 0)

    def difference(self, rows: pd.DataFrame) -> NDArray[np.float64]:
        """[R] true differences of contrasts by origin; NaN against a rest with a different group in it."""
        own, other = self.sides(rows)
        return np.asarray(own - other)

    def sides(self, rows: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """[R] true rates of the groups and of their references."""
        values = [rows[name].to_numpy() for name in ("probe", "group", "reference", "threshold")]
        # The rest of the different group is of groups that all have the common rate.
        last = (values[1] == self.scenario.groups[-1]) & ~np.isin(values[2], self.scenario.groups)
        reference = np.where(last, self.scenario.groups[0], values[2].astype(object))
        at = values[3].astype(float)
        return self.rate(values[0], values[1], at), self.rate(values[0], reference, at)

    def is_gap(self, rows: pd.DataFrame) -> NDArray[np.bool_]:
        """[R] whether the group is the one that was made different, in a probe where it was."""
        probe = rows["probe"].str.split().str[1].astype(int).to_numpy()
        different = (rows["group"] == self.scenario.groups[-1]).to_numpy()
        return np.asarray(different & (probe < self.scenario.gaps))

    def rates(self, result: AuditResult) -> dict[str, int]:
        """Coverage of the rates of groups."""
        rows = result.rates[(result.rates["origin"] != ALL) & result.rates["low"].notna()]
        truth = self.rate(*(rows[c].to_numpy() for c in ("probe", "origin", "threshold")))
        inside = ((rows["low"] <= truth) & (truth <= rows["high"])).to_numpy()
        few = rows["df"].notna().to_numpy() & (rows["clusters"] < LEAST_CLUSTERS).to_numpy()
        return {**_counted("rate", inside[~few]), **_counted("few_rate", inside[few])}

    def differences(self, result: AuditResult) -> dict[str, int]:
        """Coverage of differences and ratios."""
        rows = result.gaps[(result.gaps["by"] == "origin") & result.gaps["difference_low"].notna()]
        truth = self.difference(rows)
        known = ~np.isnan(truth)
        rows, truth = rows[known], truth[known]
        inside = ((rows["difference_low"] <= truth) & (truth <= rows["difference_high"])).to_numpy()
        own, other = self.sides(rows)
        ratio, high = own / other, rows["ratio_high"].fillna(np.inf)
        by_ratio = ((rows["ratio_low"] <= ratio) & (ratio <= high)).to_numpy()
        defined = rows["ratio_low"].notna().to_numpy()
        few = (rows["p"].isna() & rows["df_group"].notna()).to_numpy()
        return {
            **_counted("difference", inside[~few]),
            **_counted("few_difference", inside[few]),
            **_counted("ratio", by_ratio[defined & ~few]),
            **_counted("few_ratio", by_ratio[defined & few]),
        }

    def bands(self, result: AuditResult) -> dict[str, int]:
        """Coverage of whole curves by their bands."""
        curves = result.curves[(result.curves["origin"] != ALL) & result.curves["band_low"].notna()]
        curves = curves[(curves["threshold"] > 0) & (curves["threshold"] < 1)]
        truth = self.rate(*(curves[c].to_numpy() for c in ("probe", "origin", "threshold")))
        inside = (curves["band_low"] <= truth) & (truth <= curves["band_high"])
        whole = inside.groupby([curves["probe"], curves["origin"]]).all().to_numpy()
        return _counted("band", whole)


def _counted(kind: str, inside: NDArray[np.bool_]) -> dict[str, int]:
    return {f"{kind}_covered": int(inside.sum()), f"{kind}_n": len(inside)}


def agreement_of(whole: pd.DataFrame, bulk: pd.DataFrame) -> pd.DataFrame:
    """Whole audits beside the bulk audits of the same images.

    Returns
    -------
    Columns scenario, whole, and identical: of so many whole audits, those whose row equals that of the bulk
    audit with the same number in every column but the bands, which not all bulk audits have.
    """
    compared = [name for name in ROW_COLUMNS if not name.startswith("band_")]
    keys = ["scenario", "audit"]
    both = whole[compared].merge(bulk[compared], on=keys, how="left", suffixes=("", "_of_bulk"))
    same = np.ones(len(both), dtype=bool)
    for name in compared:
        if name not in keys:
            one, other = (both[column].to_numpy(dtype=float) for column in (name, f"{name}_of_bulk"))
            # The same sums in another order differ in their last digits.
            same &= np.isclose(one, other, rtol=1e-9, atol=0, equal_nan=True)
    found = both.assign(same=same).groupby("scenario", sort=False)["same"].agg(["size", "sum"])
    return found.reset_index().set_axis(["scenario", "whole", "identical"], axis=1)


def summary_of(rows: pd.DataFrame) -> pd.DataFrame:
    """What the audits of each scenario say together.

    Returns
    -------
    Columns `SUMMARY_COLUMNS`: of `of` intervals, audits, gates or gaps, the share `value`. Shares of whole
    audits have their exact 95 % interval; intervals of one audit hang together, so that coverage has one from
    the audits' means.
    """
    parts = [one for name in BY_NAME if name in set(rows["scenario"]) for one in _scenario(name, rows)]
    return pd.DataFrame(parts, columns=list(SUMMARY_COLUMNS))


def _scenario(name: str, rows: pd.DataFrame) -> Iterable[tuple[Any, ...]]:
    own = rows[rows["scenario"] == name]
    for kind in KINDS:
        n = int(own[f"{kind}_n"].sum())
        if n:
            share = own[f"{kind}_covered"].sum() / n
            # The error of a ratio of two sums over audits, linearised: audits are independent, their
            # intervals are not.
            spread = (own[f"{kind}_covered"] - share * own[f"{kind}_n"]).std(ddof=1)
            error = 1.96 * spread * np.sqrt(len(own)) / n if len(own) > 1 else np.nan
            yield name, f"coverage: {kind}", share, share - error, min(share + error, 1.0), n
    yield _of_audits(name, "audits with a false finding", own["false_findings"] > 0)
    yield _of_audits(name, "audits with a gate that fails wrongly", own["gates_wrong_fail"] > 0)
    yield _of_audits(name, "audits with a finding of too few clusters", own["few_findings"] > 0)
    if name == "confirmed":
        yield _of_audits(name, "audits with a confirmed false finding", own["confirmed_false"] > 0)
    if own["true_gaps"].sum():
        yield _of_audits(name, "audits with a gate that passes wrongly", own["gates_wrong_pass"] > 0)
        gaps, found = int(own["true_gaps"].sum()), int(own["true_found"].sum())
        yield name, "true gaps found", found / gaps, np.nan, np.nan, gaps
        right = own["gates_right"].sum() / own["gates"].sum()
        yield name, "gates decided rightly", right, np.nan, np.nan, int(own["gates"].sum())
        yield name, "found gap over true gap", own["exaggeration"].mean(), np.nan, np.nan, found
        intervals = int(own["selected_n"].sum())
        if intervals:
            covered = int(own["selected_covered"].sum())
            low, high = map(float, clopper_pearson(covered, intervals))
            yield (
                name,
                "coverage: found true gaps, selection-adjusted",
                covered / intervals,
                low,
                high,
                intervals,
            )
    missed = own["findings_missed"].to_numpy(dtype=float) / np.maximum(own["findings"].to_numpy(), 1)
    error = float(1.96 * missed.std(ddof=1) / np.sqrt(len(own))) if len(own) > 1 else np.nan
    rate = float(missed.mean())
    yield name, "share of findings' intervals that miss", rate, rate - error, rate + error, len(own)


def _of_audits(name: str, figure: str, happened: pd.Series) -> tuple[Any, ...]:
    low, high = clopper_pearson(int(happened.sum()), len(happened))
    return name, figure, happened.mean(), float(low), float(high), len(happened)
