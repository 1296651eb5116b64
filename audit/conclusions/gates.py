"""Gates: a margin that a gap, an accuracy or a rate must keep, decided only where the data can decide."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit import formatting as fmt
from audit.conclusions.finding_sentences import specification_words
from audit.conclusions.findings import distinct_contrasts
from audit.json_tables import table_rows
from audit.statistics.exact_intervals import exact_difference, exact_ratio
from audit.statistics.intervals import clopper_pearson
from audit.tables.group_counts import JOINT, group_attributes
from clipmodel.errors import UserError
from probes.records import ALL

PASS, FAIL, INCONCLUSIVE, NO_GATE = "PASS", "FAIL", "INCONCLUSIVE", "NO GATE"
CONFIDENCE = 0.95
DECISIVE = (
    "design", "template", "rule", "threshold", "group", "reference",
    "n_group", "n_reference", "value", "low", "high",
)  # fmt: skip
GATE_COLUMNS = (
    "name", "probe", "outcome", "by", "metric", "margin", "verdict", "contrasts", "confidence",
    *DECISIVE, "sentence",
)  # fmt: skip
EVERYBODY = "all images"
Floats = NDArray[np.float64]


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


METRICS: Final[Mapping[str, Metric]] = {
    "difference": Metric(
        allowed=lambda margin: (-margin, margin),
        noun=("difference", "differences"),
        kept=lambda margin: f"within \N{PLUS-MINUS SIGN}{100 * margin:.1f} percentage points",
        value=fmt.points,
        interval=fmt.points_interval,
    ),
    "ratio": Metric(
        allowed=lambda margin: (min(margin, 1 / margin), max(margin, 1 / margin)),
        noun=("ratio", "ratios"),
        kept=lambda margin: f"within {min(margin, 1 / margin):.2f} to {max(margin, 1 / margin):.2f}",
        value=fmt.ratio,
        interval=fmt.ratio_interval,
    ),
    "accuracy": Metric(
        allowed=lambda margin: (margin, np.inf),
        noun=("accuracy", "accuracies"),
        kept=lambda margin: f"at or above {fmt.percent(margin)}",
        value=fmt.percent,
        interval=fmt.percent_interval,
    ),
    "rate": Metric(
        allowed=lambda margin: (-np.inf, margin),
        noun=("rate", "rates"),
        kept=lambda margin: f"at or below {fmt.percent(margin)}",
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
) -> pd.DataFrame:
    """Judge every gate of a suite.

    What is judged is each contrast (difference, ratio) or each group (accuracy, rate) in every way of asking
    that the gate names, all by default. The intervals never cover less than they claim
    (`statistics.exact_intervals`,
    Clopper-Pearson) and hold together at 95 % by Bonferroni. FAIL where one of them lies wholly beyond the
    margin, PASS where all lie within it, INCONCLUSIVE otherwise: also where a group has too few images.

    Parameters
    ----------
    gaps, rates, accuracy
        As `audit.tables.rates` makes them; gates on rates and accuracies need the last two.
    gates
        From the manifest: name, probe, outcome, groups (attributes), metric, margin; `designs`, `templates`
        and `rules` restrict the ways of asking where they are there and not empty.

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
    Columns `GATE_COLUMNS`, one row a gate; `DECISIVE` describes what decided, or came closest. A limit that
    is infinite is NaN.

    Raises
    ------
    UserError
        An unknown metric.
    """
    rows = [_judge(gate, gaps=gaps, rates=rates, accuracy=accuracy) for gate in gates]
    numbers = {"margin", "confidence", "threshold", "value", "low", "high"}
    sizes = {"contrasts", "n_group", "n_reference"}
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
) -> dict[str, Any]:
    name = gate.get("metric") or "difference"
    if name not in METRICS:
        raise UserError(
            f"gate {gate['name']!r}: unknown metric {name!r}",
            remedy=f"the metrics of a gate are: {', '.join(METRICS)}",
        )
    metric, margin, by = METRICS[name], float(gate["margin"]), JOINT.join(gate.get("groups") or ())
    if name in ("difference", "ratio"):
        judged = _contrasts(gaps[gaps["by"] == by], gate, ratio=name == "ratio")
    else:
        table = accuracy if name == "accuracy" else rates
        judged = _groups(gaps.iloc[:0] if table is None else table, gate)
    lowest, highest = metric.allowed(margin)
    verdict, reach = _verdict(judged, lowest, highest)
    decisive = _decisive(judged, reach)
    return {
        "name": gate["name"], "probe": gate["probe"], "outcome": gate.get("outcome") or "", "by": by,
        "metric": name, "margin": margin, "verdict": verdict, "contrasts": len(judged),
        "confidence": _confidence(judged), **decisive,
        "sentence": _sentence(verdict, metric, margin, decisive, unjudged=int(judged["low"].isna().sum())),
    }  # fmt: skip


def _verdict(judged: pd.DataFrame, lowest: float, highest: float) -> tuple[str, pd.Series]:
    """The verdict, and how far each interval reaches: wholly beyond the margin for FAIL, else at its end."""
    wholly = (judged["low"] - highest).combine(lowest - judged["high"], max)
    if bool((wholly > 0).any()):
        return FAIL, wholly
    inside = (judged["low"] >= lowest) & (judged["high"] <= highest)
    at_its_end = (judged["high"] - highest).combine(lowest - judged["low"], max)
    return PASS if len(judged) and inside.all() else INCONCLUSIVE, at_its_end


def _asked(table: pd.DataFrame, gate: Mapping[str, Any]) -> pd.DataFrame:
    """The rows of a table that a gate is about, in the ways of asking that it names."""
    wanted = table["probe"] == gate["probe"]
    if "outcome" in table and gate.get("outcome"):
        wanted &= table["outcome"] == gate["outcome"]
    for column, names in (("design", "designs"), ("template", "templates"), ("rule", "rules")):
        if gate.get(names):
            wanted &= table[column].isin(list(gate[names]))
    return table[wanted]


def _contrasts(gaps: pd.DataFrame, gate: Mapping[str, Any], *, ratio: bool) -> pd.DataFrame:
    """Contrasts with intervals that hold together at `CONFIDENCE`; NaN where a group is too small."""
    own = _asked(gaps, gate)
    own = own[distinct_contrasts(own)].reset_index(drop=True)
    n = [np.where(own["rate_group"].isna(), 0, own[name]) for name in ("n_group", "n_reference")]
    # A group without a rate is too small to judge: no images, so no limits.
    x = [
        np.where(size > 0, own[name], 0)
        for name, size in zip(("count_group", "count_reference"), n, strict=True)
    ]
    interval = exact_ratio if ratio else exact_difference
    effect = design_effect(own)
    cells = (x[0] / effect, n[0] / effect, x[1] / effect, n[1] / effect)
    low, high = interval(*cells, confidence=_confidence(own))
    return own.assign(value=own["ratio" if ratio else "difference"], low=low, high=high)


def _groups(table: pd.DataFrame, gate: Mapping[str, Any]) -> pd.DataFrame:
    """Groups, or all images where the gate names no attributes, with intervals as in `_contrasts`."""
    attributes, by = group_attributes(table), list(gate.get("groups") or ())
    own = _asked(table, gate)
    for name in attributes:
        own = own[(own[name] != ALL) == (name in by)]
    own = own.reset_index(drop=True)
    names = own[by].astype("str").agg(JOINT.join, axis=1) if by and len(own) else EVERYBODY
    n = np.where(own["rate"].isna(), 0, own["n"])
    count = np.where(n > 0, own["count"], 0)
    effect = design_effect(own)
    low, high = clopper_pearson(count / effect, n / effect, confidence=_confidence(own))
    return own.assign(
        group=names, reference="", n_group=own["n"], n_reference=0, value=own["rate"], low=low, high=high
    )


def design_effect(table: pd.DataFrame) -> NDArray[np.float64]:
    """By how much images of a cluster tell less than independent ones; 1 where that is not known."""
    return np.nan_to_num(table["design_effect"].to_numpy(dtype=float), nan=1.0)


def _confidence(judged: pd.DataFrame) -> float:
    return 1 - (1 - CONFIDENCE) / max(len(judged), 1)


def _decisive(judged: pd.DataFrame, reach: pd.Series) -> dict[str, Any]:
    if not reach.notna().any():
        empty: dict[str, Any] = dict.fromkeys(DECISIVE, "")
        return (
            empty
            | {"n_group": 0, "n_reference": 0}
            | dict.fromkeys(("threshold", "value", "low", "high"), np.nan)
        )
    found = judged.loc[[reach.idxmax()], list(DECISIVE)]
    # JSON has no infinity: the ratio to a group without an event has no upper limit.
    return table_rows(found.replace([np.inf, -np.inf], np.nan))[0]


def _sentence(
    verdict: str, metric: Metric, margin: float, decisive: Mapping[str, Any], *, unjudged: int
) -> str:
    kept, (one, many) = metric.kept(margin), metric.noun
    small = f" {unjudged} contrasts have too few images to judge." if unjudged else ""
    if not decisive["group"]:
        return f"No contrast could be judged: no {one} is known to lie {kept}.{small}"
    claim = {
        PASS: f"All {many} lie {kept}",
        FAIL: f"Not every {one} lies {kept}",
        INCONCLUSIVE: f"The images do not settle whether all {many} lie {kept}",
    }[verdict]
    against = f" against {fmt.words(decisive['reference'])}" if decisive["reference"] else ""
    return (
        f"{claim}; furthest out: {fmt.words(decisive['group'])}{against}, {metric.value(decisive['value'])} "
        f"(simultaneous interval {metric.interval(decisive['low'], decisive['high'])}; "
        f"{specification_words(decisive)}).{small}"
    )
