"""Findings: gaps that survive the correction for all comparisons of the audit, one finding a gap.

`conclusions.error_control` controls the chance of any false finding in an audit at 5 %, whichever other gaps
are true. A gap is asked for in many specifications. Where it passes in some of them it is one finding, which
says in how many it holds: merging can only lower the number of findings.

Gaps that are found tend to be overstated, the more so the fewer of them are found ("winner's curse"). Beside
the plain interval a finding has one at the confidence that keeps the share of findings' intervals which miss
their gap at 5 % in the mean, after the selection (false coverage rate: Benjamini & Yekutieli 2005).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.conclusions.error_control import LEVEL, distinct_contrasts, with_error_control
from audit.conclusions.finding_sentences import caution, noise_words, sentence, titles_of
from audit.json_tables import table_rows
from audit.statistics.proportion.label_noise import wrong_labels, wrong_truths
from audit.tables.context import TableContext
from audit.tables.groups.gap_rows import GapRows
from audit.tables.groups.group_counts import SPECIFICATION
from audit.tables.specification_curves import GAP

FINDING_COLUMNS = (
    "id", *SPECIFICATION, "by", "group", "reference", "difference", "low", "high", "selected_low",
    "selected_high", "n_group", "n_reference", "clusters_group", "clusters_reference", "p_adjusted",
    "holds_in", "specifications", "difference_min", "difference_max", "wrong_labels", "wrong_truths",
    "sentence", "noise", "caution",
)  # fmt: skip


def finding_table(context: TableContext, gaps: pd.DataFrame) -> pd.DataFrame:
    """The findings of an audit, the widest gap first.

    Parameters
    ----------
    context, gaps
        Of the records, and the gaps that `audit.tables.rates.gap_table` makes of it.

    Returns
    -------
    Columns `FINDING_COLUMNS`, one row per gap (probe, outcome, group and reference) that holds in some
    specification. The specification, `difference`, its interval, `p_adjusted` and the sentence are those of
    the first specification, in the order of the suite, in which it holds. `low` and `high` are the 95 %
    interval of this contrast alone; `selected_low` and `selected_high` the interval adjusted for its being
    found (see above). `holds_in` of the `specifications` have it; `difference_min` and `difference_max` are
    over all of them. `wrong_labels` and `wrong_truths` (misclassification only) are those of
    `statistics.proportion.label_noise`.
    """
    return findings_among(context, with_error_control(context, gaps))


def holds(tested: pd.DataFrame) -> pd.Series:
    """Whether each gap of `with_error_control` is found."""
    return tested["p_adjusted"] < LEVEL


def findings_among(context: TableContext, tested: pd.DataFrame) -> pd.DataFrame:
    """The findings among the gaps of `with_error_control`; see `finding_table`."""
    found = tested[holds(tested)]
    found = found.assign(**_over_specifications(tested, found)).drop_duplicates(list(GAP))
    found = found[distinct_contrasts(found, keys=("probe", "outcome", "by"))]
    found = found.sort_values("difference", key=lambda gap: -gap.abs(), kind="stable", ignore_index=True)
    low, high = _selected_interval(tested, found)
    found = found.rename(columns={"difference_low": "low", "difference_high": "high"})
    found = found.assign(
        id=[f"F{number}" for number in range(1, len(found) + 1)],
        # Against the best group the plain interval is simultaneous over all pairs, and may be the longer
        # one.
        selected_low=np.fmin(low, found["low"]),
        selected_high=np.fmax(high, found["high"]),
        **_tipping(found),
    )
    titles, rows = titles_of(context.manifest), table_rows(found)
    found = found.assign(
        sentence=[sentence(row, titles) for row in rows],
        noise=[noise_words(row) for row in rows],
        caution=[caution(row, context.manifest["data"]) for row in rows],
    )[list(FINDING_COLUMNS)]
    whole = dict.fromkeys(("holds_in", "specifications", "wrong_labels"), "int64")
    return found.astype(whole | dict.fromkeys(("id", "sentence", "noise", "caution"), "str"))


def _selected_interval(
    tested: pd.DataFrame, found: pd.DataFrame
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Intervals at 1 - 0.05 x findings / tests: Benjamini & Yekutieli 2005, section 3."""
    made = tested["p"].notna()
    tests = int((distinct_contrasts(tested) & made).sum())
    confidence = 1 - LEVEL * max(len(found), 1) / max(tests, 1)
    return GapRows.of(found).difference(confidence=confidence)


def _over_specifications(tested: pd.DataFrame, found: pd.DataFrame) -> dict[str, Any]:
    """How many specifications there are for each finding, in how many it holds, and how the gap ranges."""
    keys = list(GAP)
    differences = tested[tested["difference"].notna()].groupby(keys, sort=False)["difference"]
    over = differences.agg(specifications="count", difference_min="min", difference_max="max")
    over["holds_in"] = found.groupby(keys, sort=False).size()
    of_rows = over.reindex(pd.MultiIndex.from_frame(found[keys]))
    return {name: of_rows[name].to_numpy() for name in over.columns}


def _tipping(found: pd.DataFrame) -> dict[str, Any]:
    n1, n2 = (found[name].to_numpy() for name in ("n_group", "n_reference"))
    # The counts themselves, but for images that stand for a population: there the weighted shares of them.
    x1, x2 = (
        np.rint(found[rate].to_numpy(dtype=float) * n).astype(np.int64)
        for rate, n in (("rate_group", n1), ("rate_reference", n2))
    )
    judged = found["outcome"].to_numpy() == "misclassified"
    return {
        "wrong_labels": wrong_labels(x1, n1, x2, n2),
        "wrong_truths": np.where(judged, wrong_truths(x1, n1, x2, n2), np.nan),
    }
