from __future__ import annotations

import numpy as np

from audit.evaluation.classification import Answers, per_class_table
from audit.evaluation.evaluation_page import evaluation_page
from audit.evaluation.robustness import robustness_table
from audit.report.html import fill_template
from tests.audit.support.evaluation_results import result_of


def html_of(*results: object) -> str:
    page = evaluation_page(list(results), robustness_table(list(results)))  # type: ignore[arg-type]
    return fill_template("evaluation.html.j2", page, data="{}").replace("\N{NO-BREAK SPACE}", " ")


def test_every_result_stands_on_the_page_with_its_interval() -> None:
    html = html_of(result_of("dtd", 0.412), result_of("stl10", 0.9))
    assert "41.2 %" in html and "40.2 to 42.2 %" in html and "90.0 %" in html


def test_a_shift_is_shown_if_both_sets_are_there() -> None:
    with_shift = html_of(result_of("imagenet1k", 0.6), result_of("imagenetv2", 0.5))
    without = html_of(result_of("imagenet1k", 0.6))
    assert "standard models and their line" in with_shift and "standard models and their line" not in without


def test_classes_stand_from_the_lowest_recall_with_their_commonest_mistake() -> None:
    # Two judges of whom one was taken for a cook; both cooks right.
    truth, predicted = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])
    answers = Answers(ids=list("abcd"), truth=truth, predicted=predicted, in_top5=truth >= 0,
                      classes=("judge", "cook"))  # fmt: skip
    html = html_of(result_of("dtd", 0.75, tables={"per_class": per_class_table(answers)}))
    rows = html[html.index("Recall of each class") :]
    assert rows.index("judge") < rows.index("100.0 %") and "50.0 %" in rows
