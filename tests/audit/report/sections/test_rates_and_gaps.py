from __future__ import annotations

import dataclasses
import math

import pandas as pd

from audit.report.section import ReportContext
from audit.report.sections import rates_and_gaps
from audit.report.sections.rates_and_gaps import largest_gap, outcome_id, outcome_title


def test_every_outcome_of_every_probe_has_a_part(context: ReportContext) -> None:
    found = rates_and_gaps.build(context)
    assert found is not None
    assert [(probe.title, len(probe.outcomes)) for probe in found["probes"]] == [
        ("Occupation", 1),
        ("Denigration", 3),
    ]
    harm = found["probes"][1].outcomes[0]
    # The intersections of a harmful outcome stand open.
    assert harm.intersections_open and not found["probes"][0].outcomes[0].intersections_open
    assert harm.id == outcome_id(probe="denigration", outcome="crime") == "outcome-denigration-crime"
    # with_child under argmax, both designs under two thresholds.
    assert harm.n_others == 5


def test_a_row_has_the_numbers_of_its_rate_and_gap(context: ReportContext) -> None:
    found = rates_and_gaps.build(context)
    assert found is not None
    table = found["probes"][1].outcomes[0].table
    labels = [column.label for column in table.columns]
    row = next(row for row in table.rows if row[0] == "dark")
    gaps = context.result.gaps
    own = gaps[(gaps["outcome"] == "crime") & (gaps["group"] == "dark") & (gaps["by"] == "skin_tone")]
    gap = own[(own["design"] == "default") & (own["rule"] == "argmax")].iloc[0]
    assert row[labels.index("n")] == str(gap["n_group"]) and row[labels.index("Against")] == "light"
    assert row[labels.index("Difference, points")] == f"+{100 * gap['difference']:.1f}"
    reference = next(row for row in table.rows if row[0] == "light")
    assert reference[labels.index("Difference, points")] == "–"


def test_the_largest_gap_is_by_its_size() -> None:
    gaps = pd.DataFrame({"difference": [0.1, -0.3, math.nan], "group": ["a", "b", "c"]})
    assert largest_gap(gaps)["group"] == "b"  # type: ignore[index]
    assert largest_gap(gaps.iloc[2:]) is None


def test_headings_begin_with_a_capital() -> None:
    assert outcome_title({"name": "non_human"}) == "Non human"
    assert outcome_title({"name": "x", "title": "crime"}) == "Crime"


def test_without_rates_there_is_no_section(context: ReportContext) -> None:
    empty = dataclasses.replace(context.result, rates=context.result.rates.iloc[:0])
    assert rates_and_gaps.outcomes_of(empty, probes=context.probes) == []
