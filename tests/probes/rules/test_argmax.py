from __future__ import annotations

from probes.rules.argmax import RULE
from tests.probes.rules.scored import check_rule


def test_one_class_an_image_and_of_equal_ones_the_first() -> None:
    check_rule(
        RULE, [], lambda cosines, _, __: [i == cosines.index(max(cosines)) for i in range(len(cosines))]
    )
    assert RULE.one_class and RULE.worded(None) == "highest-scoring class"
