"""The section on other measures: what is drawn, what is listed, and its rules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from audit.figures import measure_forest
from audit.report.sections.measures import (
    ROWS_LISTED,
    interval_text,
    item_name,
    measures_of,
    strongest_evidence,
    value_text,
)
from probes.measures.registry import KINDS

SETTINGS: dict[str, dict[str, Any]] = {
    "association": {"test": "c_asc", "correction": "max_t", "permutations": 999},
    "ranking": {"reference": "uniform", "zero_rule": "1/groups", "tie_rule": "shared"},
    "counterfactual": {"attribute": "skin_tone", "same": []},
    "group_accuracy": {"buckets": {}},
    "markedness": {},
    "association_bias": {
        "contrast": {"gender": ["woman", "man"]},
        "correction": "max_t",
        "permutations": 999,
    },
}


def probe(kind: str, **settings: Any) -> dict[str, Any]:
    return {
        "name": "p", "title": "A probe", "question": "What?", "kind": kind, "groups": [["gender"]],
        **KINDS[kind].described({**SETTINGS.get(kind, {}), **settings}),
    }  # fmt: skip


def rows(metric: str, n_rows: int = 3, *, p: float = np.nan, kind: str = "association") -> pd.DataFrame:
    value = np.linspace(-0.4, 0.6, n_rows)
    return pd.DataFrame(
        {
            "probe": "p", "kind": kind, "metric": metric, "design": "words", "template": "photo",
            "item": [f"word {i}" for i in range(n_rows)], "k": np.nan, "gender": "woman", "n": 100,
            "clusters": 50,
            "value": value, "low": value - 0.1, "high": value + 0.1, "p": p, "p_adjusted": p,
            "note": "a rule",
        }
    )  # fmt: skip


def test_effects_and_shares_are_written_as_what_they_are() -> None:
    effect, share, turn = (rows(m).iloc[0] for m in ("C-ASC", "share@10", "turns to crime"))
    association, ranking, sets = (probe(kind) for kind in ("association", "ranking", "counterfactual"))
    assert value_text(effect, association) == "\N{MINUS SIGN}0.40"
    assert value_text(rows("share@10").iloc[2], ranking) == "60.0\N{NO-BREAK SPACE}%"
    assert value_text(turn, sets) == "\N{MINUS SIGN}40.0"
    assert interval_text(effect, association) == "\N{MINUS SIGN}0.50 to \N{MINUS SIGN}0.30"
    assert value_text({**share, "value": np.nan}, ranking) == "–"
    assert interval_text({**share, "low": np.nan}, ranking) == "–"


def test_a_row_is_named_by_what_it_is_about_and_whose_it_is() -> None:
    one = rows("C-ASC").iloc[0]
    assert item_name(one, ["gender"]) == "word 0: woman"
    assert item_name({**one, "gender": "(all)"}, ["gender"]) == "word 0"
    assert item_name({**one, "item": ""}, ["gender"]) == "woman"


def test_the_strongest_evidence_comes_first_and_rows_without_p_stay_in_order() -> None:
    tested = rows("C-ASC").assign(p_adjusted=[0.5, np.nan, 0.01])
    assert strongest_evidence(tested)["item"].tolist() == ["word 2", "word 0", "word 1"]
    assert strongest_evidence(rows("C-ASC"))["item"].tolist() == ["word 0", "word 1", "word 2"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (probe("association"), "max-T"),
        (probe("association", correction="bh"), "Benjamini-Hochberg"),
        (probe("association", test="weat"), "one-sided"),
        (probe("ranking"), "equal shares"),
        (probe("ranking"), "its share among equal groups"),
        (probe("ranking"), "equal scores share their places"),
        (probe("ranking"), "constant of the data"),
        (probe("counterfactual"), "clusters of the data"),
        (probe("group_accuracy", buckets={"income": [200.0, 685.0]}), "income at 200, 685"),
    ],
)
def test_the_rules_are_named(given: dict[str, Any], words: str) -> None:
    assert words in given["rules"]


def test_a_long_table_is_cut_and_says_so() -> None:
    long = rows("C-ASC", ROWS_LISTED + 50, p=0.04)
    part = measures_of(long, probes=[probe("association")])[0]
    assert len(part.table.rows) == ROWS_LISTED
    assert "of 200;" in part.more
    assert part.figure is not None and "strongest evidence" in part.figure.caption


def test_a_probe_whose_values_are_all_missing_has_a_table_and_no_figure() -> None:
    blank = rows("unmarked share", kind="markedness").assign(value=np.nan, low=np.nan, high=np.nan)
    part = measures_of(blank, probes=[probe("markedness")])[0]
    assert part.figure is None and len(part.table.rows) == 3


def test_a_probe_without_measures_has_no_part() -> None:
    assert measures_of(rows("C-ASC"), probes=[{**probe("association"), "name": "other"}]) == []


def test_drawings_take_the_marks_of_significance_and_repeat_their_bytes() -> None:
    drawn = rows("C-ASC", p=0.01).assign(label=["a", "b", "c"])
    first, again = (measure_forest(drawn, name="f", title="T", unit="effect") for _ in range(2))
    assert first == again
    assert "effect size" in first and "a -0.40" in first
    plain = measure_forest(rows("share@10").assign(label=["a", "b", "c"]), name="f", title="T", unit="share")
    assert "% of n" in plain
