from __future__ import annotations

from probes.rules.rule_registry import CURVE, PREDICTION, RULES, one_class_rules, rule_words


def test_rules_have_their_names_and_order() -> None:
    assert list(RULES) == ["argmax", "top_k", "probability", "cosine", "calibrated"]
    assert one_class_rules() == [PREDICTION.name] == ["argmax"]
    assert CURVE.thresholds is not None and (CURVE.thresholds.low, CURVE.thresholds.high) == (0, 1)


def test_every_rule_says_what_it_does() -> None:
    for rule in RULES.values():
        assert rule.meaning.endswith(".")
        assert ("{threshold}" in rule.words) == (rule.thresholds is not None)


def test_a_rule_in_words() -> None:
    assert rule_words("argmax", float("nan")) == "highest-scoring class"
    assert rule_words("top_k", 5.0) == "among the 5 highest-scoring"
    assert rule_words("calibrated", 0.05) == "threshold set for a rate of 0.05"
    # Of an audit of another version.
    assert rule_words("some_rule", 0.3) == "some rule 0.3"
