from __future__ import annotations

from typing import Any

import pytest
import yaml

from audit.commands.new_suite.classification_text import Answers, suite_text


def written(**changes: Any) -> dict[str, Any]:
    answers = {
        "name": "s", "title": "T: one", "question": "Which?", "data": "table:a.csv", "label_set": None,
        "classes": ["Male", "Female"], "harmful": [], "truth": "gender", "truth_values": ["Male", "Female"],
        "truth_is_complete": True, "groups": [["tone"], ["tone", "age"]], **changes,
    }  # fmt: skip
    found: dict[str, Any] = yaml.safe_load(suite_text(Answers(**answers)))
    return found


def test_a_truth_makes_mistakes_the_outcome() -> None:
    suite = written()
    (probe,) = suite["probes"]
    assert (probe["truth"], probe["label_set"], probe["rules"]) == ("gender", "own", ["argmax"])
    assert probe["outcomes"] == {"misclassified": {}} and probe["groups"] == [["tone"], ["tone", "age"]]
    assert probe["where"] == {} and "thresholds" not in suite


def test_images_without_a_truth_are_not_asked() -> None:
    (probe,) = written(truth_is_complete=False)["probes"]
    assert probe["where"] == {"gender": {"not": ["(missing)"]}}


@pytest.mark.parametrize("truth", ["gender", None])
def test_harmful_words_bring_their_outcome_the_rule_and_thresholds(truth: str | None) -> None:
    suite = written(harmful=["thief"], truth=truth)
    (probe,) = suite["probes"]
    assert probe["outcomes"] == {**({"misclassified": {}} if truth else {}), "harm": ["harm: offered"]}
    assert probe["rules"] == ["argmax", "probability"] and suite["thresholds"] == [0.2, 0.5]
    assert suite["label_sets"]["own"]["sets"]["harm: offered"] == ["thief"]
    assert ("truth" in probe) == (truth is not None)


def test_a_shipped_label_set_is_named_and_not_written() -> None:
    suite = written(label_set="emoji_skin_tone", classes=[])
    assert suite["probes"][0]["label_set"] == "emoji_skin_tone" and "label_sets" not in suite
