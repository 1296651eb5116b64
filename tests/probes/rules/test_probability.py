from __future__ import annotations

from probes.rules.probability import RULE
from tests.probes.rules.scored import check_rule


def test_every_class_of_the_probability_or_more() -> None:
    check_rule(RULE, [0.5, 0.0, 0.2], lambda _, probabilities, t: [p >= t for p in probabilities])
    assert RULE.worded(0.2) == "probability ≥ 0.2"
