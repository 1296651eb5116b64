from __future__ import annotations

import pandas as pd

from audit.calibration.page_summary import summary_sentences
from audit.calibration.whole_audits import SUMMARY_COLUMNS

BULK = [
    ("weak", "audits with a false finding", 0.03, 0.01, 0.064, 200),
    ("tens", "audits with a false finding", 0.005, 0.0, 0.028, 200),
    ("weak", "coverage: rate", 0.953, 0.94, 0.96, 1000),
    ("tens", "coverage: difference", 0.99, 0.985, 0.995, 1000),
    ("gaps", "true gaps found", 0.14, float("nan"), float("nan"), 600),
    ("one gap", "true gaps found", 0.09, float("nan"), float("nan"), 200),
    ("tens", "coverage: band", 0.985, 0.975, 0.995, 1000),
]
DETECTABLE = [("weak", 0.2, 1.0, 0.78, 0.75, 0.83, 700), ("strong", 0.5, 0.6, 0.74, 0.7, 0.79, 400)]
HARD = [
    ("persons", "coverage: change of a rate", 0.96, 0.94, 0.97, 500),
    ("a case of its own", "curve test: p below .05 without a gap", 0.06, 0.04, 0.09, 500),
]


def test_the_worst_of_each_figure_and_what_misses_its_target() -> None:
    tables = {
        "bulk": pd.DataFrame(BULK, columns=list(SUMMARY_COLUMNS)),
        "detectable": pd.DataFrame(
            DETECTABLE, columns=["scenario", "gap", "printed", "found", "low", "high", "of"]
        ),
        "hard": pd.DataFrame(HARD, columns=list(SUMMARY_COLUMNS)),
    }
    text = summary_sentences(tables)
    assert "At most 3.0 % of audits have a false finding (the same, correlation 0; at most 6.4 %)" in text
    # .985 to .995 lies beyond .98, .975 to .995 reaches below it.
    assert "cover 95.3 % to 99.0 %. **Outside 0.93 to 0.98" in text
    assert "found in 9.0 % to 14.0 % of audits of three probes" in text
    assert "Bands over whole curves cover 98.5 % to 98.5 %.\n" in text
    assert (
        "found in 74.0 % to 78.0 % of audits. **Outside 0.75 to 0.85:** the same, correlation .6: 0.740."
        in text
    )
    assert "reject without a gap in at most 6.0 % (a case of its own, curve test; at most 9.0 %)" in text


def test_what_is_not_there_is_not_said() -> None:
    empty = pd.DataFrame(columns=list(SUMMARY_COLUMNS))
    detectable = pd.DataFrame(columns=["scenario", "gap", "printed", "found", "low", "high", "of"])
    assert summary_sentences({"bulk": empty, "detectable": detectable}) == ""
