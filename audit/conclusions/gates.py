"""Gates: a margin that a gap, an accuracy or a rate must keep, decided only where the data can decide."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from audit import formatting as fmt
from audit.conclusions.error_control import distinct_contrasts
from audit.conclusions.finding_sentences import specification_words
from audit.conclusions.verdict import FAIL, INCONCLUSIVE, NO_GATE, PASS, verdict_of
from audit.json_tables import table_rows
from audit.statistics.clusters.cluster_robust import LEAST_CLUSTERS, shortened
from audit.statistics.proportion.exact_intervals import exact_difference, exact_ratio
from audit.statistics.proportion.intervals import clopper_pearson
from audit.tables.groups.gap_rows import GapRows
from audit.tables.groups.group_counts import JOINT, group_attributes
from clipmodel.array_types import Floats
from clipmodel.errors import UserError
from probes.records import ALL

CONFIDENCE = 0.95
TO_PASS = 0.9
"""Confidence of the intervals behind a PASS: two one-sided tests at 5 % each (Schuirmann 1987)."""
DECISIVE = (
    "design", "template", "rule", "threshold", "group", "reference",
    "n_group", "n_reference", "clusters_group", "clusters_reference", "value", "low", "high",
)  # fmt: skip
GATE_COLUMNS = (
    "name", "probe", "outcome", "by", "metric", "margin", "verdict", "contrasts", "confidence",
    *DECISIVE, "sentence",
)  # fmt: skip
EVERYBODY = "all images"


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What a gate can hold to a margin.

    Attributes
    ----------
    allowed
        From the margin to the lowest and the highest value that keep it.
    noun
        Singular and plural, for the sentence.
    kept
        The margin in words, after "lies" or "lie".
    value, interval
        How a value and its interval are written.
    """

    allowed: Callable[[float], tuple[float, float]]
    noun: tuple[str, str]
    kept: Callable[[float], str]
    value: Callable[[float | None], str]
    interval: Callable[[float | None, float | None], str]


def margin_words(metric: str, margin: float) -> str:
    """A margin in its own unit, with three digits whatever its size.

    Examples
    --------
    >>> margin_words("difference", 0.0005), margin_words("ratio", 0.8), margin_words("rate", 0.005)
    ('±0.05 percentage points', '0.8 to 1.25', '0.5 %')
    """
    if metric == "difference":
        return f"\N{PLUS-MINUS SIGN}{100 * margin:.3g} percentage points"
    if metric == "ratio":
        return f"{min(margin, 1 / margin):.3g} to {max(margin, 1 / margin):.3g}"
    return f"{100 * margin:.3g} %"


METRICS: Final[Mapping[str, Metric]] = {
    "difference": Metric(
        allowed=lambda margin: (-margin, margin),
        noun=("difference", "differences"),
        kept=lambda margin: f"within {margin_words('difference', margin)}",
        value=fmt.points,
        interval=fmt.points_interval,
    ),
    "ratio": Metric(
        allowed=lambda margin: (min(margin, 1 / margin), max(margin, 1 / margin)),
        noun=("ratio", "ratios"),
        kept=lambda margin: f"within {margin_words('ratio', margin)}",
        value=fmt.ratio,
        interval=fmt.ratio_interval,
    ),
    "accuracy": Metric(
        allowed=lambda margin: (margin, np.inf),
        noun=("accuracy", "accuracies"),
        kept=lambda margin: f"at or above {margin_words('accuracy', margin)}",
        value=fmt.percent,
        interval=fmt.percent_interval,
    ),
    "rate": Metric(
        allowed=lambda margin: (-np.inf, margin),
        noun=("rate", "rates"),
        kept=lambda margin: f"at or below {margin_words('rate', margin)}",
        value=fmt.percent,
        interval=fmt.percent_interval,
    ),
}


def gate_table(
    gaps: pd.DataFrame,
    gates: Sequence[Mapping[str, Any]],
    *,
    rates: pd.DataFrame | None = None,
    accuracy: pd.DataFrame | None = None,
    min_clusters: int = LEAST_CLUSTERS,
) -> pd.DataFrame:
    """Judge every gate of a suite.

    What is judged is each contrast (difference, ratio) or each group (accuracy, rate) in every specification
    that the gate names, all by default. The intervals are conservative
    (`statistics.proportion.exact_intervals`, Clopper-Pearson; of effective images and with the degrees of
    freedom of each side's own clusters). FAIL where one of those that hold together at 95 % (Bonferroni) lies
    wholly beyond the margin. PASS where all 90 % intervals lie within it: that is an intersection-union test
    at 5 %, which needs no correction (Berger & Hsu 1996). INCONCLUSIVE otherwise: also where a group has too
    few images, or fewer than `min_clusters` clusters of several images.

    Parameters
    ----------
    gaps, rates, accuracy
        As `audit.tables.rates` makes them; gates on rates and accuracies need the last two.
    gates
        From the manifest: name, probe, outcome, groups (attributes), metric, margin; `designs`, `templates`
        and `rules` restrict the specifications where they are there and not empty.

        difference
            Every difference of rates lies within plus or minus the margin (of proportions).
        ratio
            Every ratio of rates lies between the margin and its inverse; 0.8 is the four-fifths rule.
        accuracy
            The accuracy of every group is at least the margin; without groups, that of all images.
        rate
            The rate of the outcome of every group is at most the margin; without groups, that of all images.

    Returns
    -------
    Columns `GATE_COLUMNS`, one row per gate; `DECISIVE` describes what decided, or came closest, with its
    interval at `confidence`: the one that holds together with all others for a FAIL, else that of a PASS. A
    limit that is infinite is NaN.

    Raises
    ------
    UserError
        An unknown metric.
    """
    rows = [_judge(gate, gaps=gaps, rates=rates, accuracy=accuracy, least=min_clusters) for gate in gates]
    numbers = {"margin", "confidence", "threshold", "value", "low", "high"}
    sizes = {"contrasts", "n_group", "n_reference", "clusters_group", "clusters_reference"}
    dtypes = {
        name: "float64" if name in numbers else "int64" if name in sizes else "str" for name in GATE_COLUMNS
    }
    return pd.DataFrame(rows, columns=list(GATE_COLUMNS)).astype(dtypes)


def overall_verdict(gates: pd.DataFrame) -> str:
    """FAIL if any gate fails, else INCONCLUSIVE if any is, else PASS; NO GATE without gates."""
    verdicts = set(gates["verdict"])
    return next((verdict for verdict in (FAIL, INCONCLUSIVE, PASS) if verdict in verdicts), NO_GATE)


def _judge(
    gate: Mapping[str, Any],
    *,
    gaps: pd.DataFrame,
    rates: pd.DataFrame | None,
    accuracy: pd.DataFrame | None,
    least: int,
) -> dict[str, Any]:
    name = gate.get("metric") or "difference"
    if name not in METRICS:
        raise UserError(
            f"gate {gate['name']!r}: unknown metric {name!r}",
            remedy=f"the metrics of a gate are: {', '.join(METRICS)}",
        )
    metric, margin, by = METRICS[name], float(gate["margin"]), JOINT.join(gate.get("groups") or ())
    if name in ("difference", "ratio"):
        judged = _contrasts(gaps[gaps["by"] == by], gate, ratio=name == "ratio", least=least)
    else:
        table = accuracy if name == "accuracy" else rates
        judged = _groups(gaps.iloc[:0] if table is None else table, gate, least=least)
    verdict, decisive, confidence = _verdict(judged, *metric.allowed(margin))
    unjudged = int(judged["low"].isna().sum())
    return {
        "name": gate["name"], "probe": gate["probe"], "outcome": gate.get("outcome") or "", "by": by,
        "metric": name, "margin": margin, "verdict": verdict, "contrasts": len(judged),
        "confidence": confidence, **decisive,
        "sentence": _sentence(verdict, metric, margin, decisive, unjudged=unjudged),
    }  # fmt: skip


def _verdict(judged: pd.DataFrame, lowest: float, highest: float) -> tuple[str, dict[str, Any], float]:
    """The verdict, the row that decides it, and the confidence of its interval.

    It is the row that lies furthest beyond the margin for FAIL, else the one that crosses it the furthest, or
    comes closest to it.
    """
    verdict = verdict_of(
        judged["low"], judged["high"], allowed=(lowest, highest),
        low_to_pass=judged["low_to_pass"], high_to_pass=judged["high_to_pass"],
    )  # fmt: skip
    # Distance of the nearer end from the allowed range: positive only if the whole interval is outside.
    if verdict == FAIL:
        wholly = (judged["low"] - highest).combine(lowest - judged["high"], max)
        return verdict, _decisive(judged, wholly), _confidence(judged)
    shown = judged.assign(low=judged["low_to_pass"], high=judged["high_to_pass"])
    # Distance of the further end: the row that stands most in the way of a PASS.
    at_its_end = (shown["high"] - highest).combine(lowest - shown["low"], max)
    return verdict, _decisive(shown, at_its_end), TO_PASS


def _asked(table: pd.DataFrame, gate: Mapping[str, Any]) -> pd.DataFrame:
    """The rows of a table that a gate is about, in the specifications that it names."""
    wanted = table["probe"] == gate["probe"]
    if "outcome" in table and gate.get("outcome"):
        wanted &= table["outcome"] == gate["outcome"]
    for column, names in (("design", "designs"), ("template", "templates"), ("rule", "rules")):
        if gate.get(names):
            wanted &= table[column].isin(list(gate[names]))
    chosen: pd.DataFrame = table[wanted]
    return chosen


def _contrasts(gaps: pd.DataFrame, gate: Mapping[str, Any], *, ratio: bool, least: int) -> pd.DataFrame:
    """Contrasts with intervals that hold together, and those of a PASS; NaN where a group is too small."""
    own = _asked(gaps, gate)
    # Mirrored contrasts are one statement: to count both would halve the error that is left to each.
    own = own[distinct_contrasts(own)].reset_index(drop=True)
    rows = GapRows.of(own, least=least)
    enough = rows.precision[0].enough & rows.precision[1].enough

    def interval(confidence: float) -> tuple[Floats, Floats]:
        cells = []
        for rate, precision in zip(rows.rates, rows.precision, strict=True):
            size = np.where(enough & ~np.isnan(rate), precision.effective, 0.0)
            cells += [np.minimum(np.nan_to_num(rate) * size, size), size]
        freedom = rows.precision[0].freedom, rows.precision[1].freedom
        exact = exact_ratio if ratio else exact_difference
        low, high = exact(*cells, confidence=confidence, freedom=freedom)
        return rows.of_ratio(low, high) if ratio else (rows.of_difference(low), rows.of_difference(high))

    return _judged(own.assign(value=own["ratio" if ratio else "difference"]), interval)


def _groups(table: pd.DataFrame, gate: Mapping[str, Any], *, least: int) -> pd.DataFrame:
    """Groups, or all images where the gate names no attributes, with intervals as in `_contrasts`."""
    attributes, by = group_attributes(table), list(gate.get("groups") or ())
    own = _asked(table, gate)
    for name in attributes:
        own = own[(own[name] != ALL) == (name in by)]
    own = own.reset_index(drop=True)
    names = own[by].astype("str").agg(JOINT.join, axis=1) if by and len(own) else EVERYBODY
    freedom = own["df"].to_numpy(dtype=float)
    enough = own["rate"].notna() & (np.isnan(freedom) | (own["clusters"] >= least))
    effective = np.where(enough, own["n"] / own["design_effect"], 0.0)

    def interval(confidence: float) -> tuple[Floats, Floats]:
        size = shortened(effective, freedom, confidence=confidence)
        events = np.minimum(np.nan_to_num(own["rate"].to_numpy(dtype=float)) * size, size)
        return clopper_pearson(events, size, confidence=confidence)

    whole = own.assign(
        group=names, reference="", n_group=own["n"], n_reference=0, clusters_group=own["clusters"],
        clusters_reference=0, value=own["rate"],
    )  # fmt: skip
    return _judged(whole, interval)


def _judged(rows: pd.DataFrame, interval: Callable[[float], tuple[Floats, Floats]]) -> pd.DataFrame:
    (low, high), (inner_low, inner_high) = interval(_confidence(rows)), interval(TO_PASS)
    return rows.assign(low=low, high=high, low_to_pass=inner_low, high_to_pass=inner_high)


def design_effect(table: pd.DataFrame) -> Floats:
    """By how much images of a cluster tell less than independent ones; 1 where that is not known."""
    effect: Floats = np.nan_to_num(table["design_effect"].to_numpy(dtype=float), nan=1.0)
    return effect


def _confidence(judged: pd.DataFrame) -> float:
    return 1 - (1 - CONFIDENCE) / max(len(judged), 1)


def _decisive(judged: pd.DataFrame, reach: pd.Series) -> dict[str, Any]:
    if not reach.notna().any():
        empty: dict[str, Any] = dict.fromkeys(DECISIVE, "")
        return (
            empty
            | dict.fromkeys(("n_group", "n_reference", "clusters_group", "clusters_reference"), 0)
            | dict.fromkeys(("threshold", "value", "low", "high"), np.nan)
        )
    found = judged.loc[[reach.idxmax()], list(DECISIVE)]
    # JSON has no infinity: the ratio to a group without an event has no upper limit.
    return table_rows(found.replace([np.inf, -np.inf], np.nan))[0]


def _sentence(
    verdict: str, metric: Metric, margin: float, decisive: Mapping[str, Any], *, unjudged: int
) -> str:
    kept, (one, many) = metric.kept(margin), metric.noun
    small = f" {unjudged} have too few images or clusters to judge." if unjudged else ""
    if not decisive["group"]:
        return f"No contrast could be judged: no {one} is known to lie {kept}.{small}"
    claim = {
        PASS: f"All {many} lie {kept}",
        FAIL: f"Not every {one} lies {kept}",
        INCONCLUSIVE: f"The images do not settle whether all {many} lie {kept}",
    }[verdict]
    against = f" against {fmt.words(decisive['reference'])}" if decisive["reference"] else ""
    kind = "simultaneous" if verdict == FAIL else f"{TO_PASS:.0%}"
    return (
        f"{claim}; most extreme contrast: {fmt.words(decisive['group'])}{against}, "
        f"{metric.value(decisive['value'])} "
        f"({kind} interval {metric.interval(decisive['low'], decisive['high'])}; "
        f"{specification_words(decisive)}).{small}"
    )
