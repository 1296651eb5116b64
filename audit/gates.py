"""Gates: a margin that a gap must not pass, decided only where the data are enough to decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from audit.claims import specification_words
from audit.counts import JOINT
from audit.findings import distinct_contrasts
from audit.formatting import points, points_interval, words
from audit.intervals import newcombe
from audit.storage import table_rows
from clipmodel.errors import UserError

PASS, FAIL, INCONCLUSIVE, NO_GATE = "PASS", "FAIL", "INCONCLUSIVE", "NO GATE"
CONFIDENCE = 0.95
DECISIVE = (
    "design", "template", "rule", "threshold", "group", "reference",
    "n_group", "n_reference", "difference", "low", "high",
)  # fmt: skip
GATE_COLUMNS = (
    "name", "probe", "outcome", "by", "metric", "margin", "verdict", "contrasts", "confidence",
    *DECISIVE, "sentence",
)  # fmt: skip


def gate_table(gaps: pd.DataFrame, gates: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Judge every gate of a suite.

    The intervals are Newcombe's of the difference, simultaneous by Bonferroni over all contrasts of the gate
    (its groups in every design, template, rule and threshold). FAIL where one of them lies wholly beyond the
    margin, PASS where all lie within it, INCONCLUSIVE otherwise: also where a group has too few images.

    Parameters
    ----------
    gaps
        As `disparity.gap_table` makes it.
    gates
        From the manifest: name, probe, outcome, groups (attributes), margin (of proportions), metric.

    Returns
    -------
    Columns `GATE_COLUMNS`, one row a gate; `DECISIVE` describes the contrast that decided, or came closest.

    Raises
    ------
    UserError
        A metric other than "difference".
    """
    rows = [_judge(gaps, gate) for gate in gates]
    numbers = {"margin", "confidence", "threshold", "difference", "low", "high"}
    sizes = {"contrasts", "n_group", "n_reference"}
    dtypes = {
        name: "float64" if name in numbers else "int64" if name in sizes else "str" for name in GATE_COLUMNS
    }
    return pd.DataFrame(rows, columns=list(GATE_COLUMNS)).astype(dtypes)


def overall_verdict(gates: pd.DataFrame) -> str:
    """FAIL if any gate fails, else INCONCLUSIVE if any is, else PASS; NO GATE without gates."""
    verdicts = set(gates["verdict"])
    return next((verdict for verdict in (FAIL, INCONCLUSIVE, PASS) if verdict in verdicts), NO_GATE)


def _judge(gaps: pd.DataFrame, gate: Mapping[str, Any]) -> dict[str, Any]:
    metric = gate.get("metric") or "difference"
    if metric != "difference":
        raise UserError(
            f"gate {gate['name']!r}: unknown metric {metric!r}", remedy="the metric of a gate is: difference"
        )
    by, margin = JOINT.join(gate["groups"]), float(gate["margin"])
    own = gaps[(gaps["probe"] == gate["probe"]) & (gaps["outcome"] == gate["outcome"]) & (gaps["by"] == by)]
    own = own[distinct_contrasts(own)].reset_index(drop=True)
    judged = _simultaneous(own)
    beyond = judged["low"].combine(-judged["high"], max)
    inside = (judged["low"] >= -margin) & (judged["high"] <= margin)
    failed = bool((beyond > margin).any())
    verdict = FAIL if failed else PASS if len(judged) and inside.all() else INCONCLUSIVE
    # The interval that reaches furthest beyond decides a FAIL; the one that comes nearest, everything else.
    reach = beyond if failed else judged["high"].combine(-judged["low"], max)
    decisive = _decisive(judged, reach)
    unjudged = int(judged["low"].isna().sum())
    return {
        "name": gate["name"], "probe": gate["probe"], "outcome": gate["outcome"], "by": by, "metric": metric,
        "margin": margin, "verdict": verdict, "contrasts": len(judged),
        "confidence": 1 - (1 - CONFIDENCE) / max(len(judged), 1),
        **decisive, "sentence": _sentence(verdict, margin, decisive, unjudged=unjudged),
    }  # fmt: skip


def _simultaneous(gaps: pd.DataFrame) -> pd.DataFrame:
    """The gaps with intervals that hold together at `CONFIDENCE`; NaN where a group is too small."""
    sizes = [gaps["n_group"].to_numpy(), gaps["n_reference"].to_numpy()]
    # A rate is its count over n, so rounding gives the count back exactly; without a rate, no images.
    rates = [gaps["rate_group"].to_numpy(), gaps["rate_reference"].to_numpy()]
    n = [np.where(np.isnan(rate), 0, size) for rate, size in zip(rates, sizes, strict=True)]
    x = [np.rint(np.nan_to_num(rate) * size) for rate, size in zip(rates, n, strict=True)]
    confidence = 1 - (1 - CONFIDENCE) / max(len(gaps), 1)
    low, high = newcombe(x[0], n[0], x[1], n[1], confidence=confidence)
    return gaps.assign(low=low, high=high)


def _decisive(judged: pd.DataFrame, reach: pd.Series) -> dict[str, Any]:
    if not reach.notna().any():
        empty: dict[str, Any] = dict.fromkeys(DECISIVE, "")
        return (
            empty
            | {"n_group": 0, "n_reference": 0}
            | dict.fromkeys(("threshold", "difference", "low", "high"), np.nan)
        )
    return table_rows(judged.loc[[reach.idxmax()], list(DECISIVE)])[0]


def _sentence(verdict: str, margin: float, decisive: Mapping[str, Any], *, unjudged: int) -> str:
    allowed = f"\N{PLUS-MINUS SIGN}{100 * margin:.1f} percentage points"
    small = f" {unjudged} contrasts have too few images to judge." if unjudged else ""
    if not decisive["group"]:
        return f"No contrast could be judged against {allowed}.{small}"
    claim = {
        PASS: f"All differences lie within {allowed}",
        FAIL: f"A difference lies beyond {allowed}",
        INCONCLUSIVE: f"The images do not settle whether all differences lie within {allowed}",
    }[verdict]
    group, reference = words(decisive["group"]), words(decisive["reference"])
    return (
        f"{claim}; furthest out: {group} against {reference}, {points(decisive['difference'])} (simultaneous "
        f"interval {points_interval(decisive['low'], decisive['high'])}; "
        f"{specification_words(decisive)}).{small}"
    )
