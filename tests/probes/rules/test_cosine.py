from __future__ import annotations

from probes.rules.cosine import RULE
from tests.probes.rules.scored import check_rule


def test_every_class_of_the_similarity_or_more_the_threshold_itself_included() -> None:
    # The cosines are multiples of a quarter, so several equal a threshold.
    check_rule(RULE, [-0.25, 0.0, 0.5, 0.6], lambda cosines, _, c: [value >= c for value in cosines])
