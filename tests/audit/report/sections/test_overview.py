from __future__ import annotations

import dataclasses

import pandas as pd

from audit.conclusions.overview import STATES
from audit.report.section import ReportContext
from audit.report.sections import overview


def test_a_line_an_outcome_and_a_box_a_grouping(context: ReportContext) -> None:
    found = overview.build(context)
    assert list(found.groupings) == ["skin tone", "gender", "skin tone × gender"]
    assert [line.outcome for line in found.lines] == ["", "crime", "non-human", "harm"]
    assert all(len(line.boxes) == 3 for line in found.lines) and not found.has_gate
    assert {state for _, state, _ in found.states} <= set(STATES)


def test_a_box_says_the_rates_of_its_cell(context: ReportContext) -> None:
    found = overview.build(context)
    cell = next(c for c in context.cells if (c.outcome, c.by) == ("crime", "skin_tone"))
    box = found.lines[1].boxes[0]
    assert box is not None and box.group == "dark" == cell.worse
    assert box.size == f"+{100 * cell.difference:.1f}"
    assert f"{100 * cell.worse_rate:.1f}" in box.detail and box.href == (
        cell.finding or "outcome-denigration-crime"
    )
    assert STATES[cell.state] in box.label


def test_three_sentences_say_how_good_who_and_what_is_not_said(context: ReportContext) -> None:
    good, worst, rest = overview.sentences(context)
    accuracy = context.result.accuracy
    overall = accuracy[(accuracy[["split", "skin_tone", "gender"]] == "(all)").all(axis=1)]["rate"].item()
    assert f"{100 * overall:.1f}" in good and "2 questions about 4,000 images" in good
    assert worst.startswith("Worst off: dark") and rest.endswith(
        "Cartoons: no claim about persons follows from these figures."
    )


def test_no_contrast_at_all_is_said(context: ReportContext) -> None:
    alone = dataclasses.replace(context.result, gaps=context.result.gaps.iloc[:0])
    assert overview.sentences(ReportContext(result=alone))[1] == "No two groups could be compared."


def test_standard_accuracy_is_a_sentence_with_its_interval_and_what_guessing_reaches() -> None:
    row = {"evaluation_title": "STL-10", "metric": "acc1", "value": 0.9, "low": 0.88, "high": 0.92,
           "chance_level": 0.1}  # fmt: skip
    table = pd.DataFrame([row, row | {"evaluation_title": "Own", "chance_level": float("nan")}])
    words = overview.standard_words(table).replace("\N{NO-BREAK SPACE}", " ")
    assert words == (
        "Standard accuracy of the same weights: STL-10 90.0 % (top-1 accuracy, 88.0 to 92.0 %, guessing "
        "10.0 %); Own 90.0 % (top-1 accuracy, 88.0 to 92.0 %)."
    )
    assert overview.standard_words(table.iloc[:0]) == ""
