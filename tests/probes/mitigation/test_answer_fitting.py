from __future__ import annotations

import numpy as np

from tests.probes.mitigation.methods.test_class_thresholds import two_groups


def test_a_probe_has_a_truth_if_every_image_has() -> None:
    data = two_groups(0, n=20)
    assert data.has_truth
    some = data.truth.copy()
    some[3] = -1
    for truth in (some, np.zeros(0, np.int64)):
        assert not type(data)(**{**data.__dict__, "truth": truth}).has_truth
