from __future__ import annotations

import numpy as np
import pytest

from probes.rules.calibrated import RULE, THRESHOLDS
from tests.probes.rules.scored import ranks_of, scores


def test_each_class_has_thresholds_of_its_own() -> None:
    own = np.array([[-0.5, 0.0, 0.25, 0.5, np.inf], [0.0, 0.25, 0.25, 0.75, np.inf]], np.float32)
    given = scores(class_thresholds=own)
    expected = [
        [sum(value >= own[t, c] for t in range(2)) for value in row]
        for c, row in enumerate(given.cosines.tolist())
    ]
    found = ranks_of(RULE, given, THRESHOLDS.ordered([0.1, 0.4]))
    assert found.tolist() == expected
    assert not found[4].any()  # infinite: no image may be assigned the class


def test_classes_that_are_not_calibrated_are_refused() -> None:
    with pytest.raises(ValueError, match="needs the thresholds of each class"):
        ranks_of(RULE, scores(), THRESHOLDS.ordered([0.1]))
