from __future__ import annotations

from typing import Any

import yaml

from audit.commands.new_suite.measure_text import KindAnswers, kind_suite_text


def written(kind: str, **changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The suite and its one probe."""
    answers = {
        "name": "s", "title": "T", "question": "Which?", "data": "table:a.csv", "kind": kind,
        "words": ["judge", "thief"], "shipped": None, "harmful": [], "truth": "", "truth_values": [],
        "attribute": "gender", "same": ["name"], "pair": ["woman", "man"], "where": "{}",
        "groups": [["tone"]], **changes,
    }  # fmt: skip
    suite = yaml.safe_load(kind_suite_text(KindAnswers(**answers)))
    return suite, suite["probes"][0]


def test_words_are_written_where_no_list_is_named() -> None:
    suite, probe = written("ranking")
    assert probe["words"] == {"offered": ["judge", "thief"]} and probe["groups"] == [["tone"]]
    assert "label_sets" not in suite
    assert written("ranking", shipped="queries", words=[])[1]["words"] == "queries"


def test_pronouns_are_those_of_the_values_in_their_order() -> None:
    _, probe = written("pronouns", words=["his", "her"], truth="gender", truth_values=["man", "woman", "x"])
    assert probe["pronouns"] == {"man": "his", "woman": "her"} and probe["truth"] == "gender"


def test_association_bias_compares_the_pair() -> None:
    suite, probe = written("association_bias", harmful=["thief"])
    assert probe["contrast"] == {"gender": ["woman", "man"]} and probe["label_set"] == "own"
    assert suite["label_sets"]["own"]["sets"]["harm: offered"] == ["thief"]


def test_a_filter_is_kept_as_it_is_given() -> None:
    assert written("ranking", where='{"gender": ["man"]}')[1]["where"] == {"gender": ["man"]}
