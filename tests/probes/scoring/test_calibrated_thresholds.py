from __future__ import annotations

import numpy as np
import pytest

from probes.scoring.calibrated_thresholds import STEP, class_thresholds, edges_of_bins


def naive_threshold(cosines: np.ndarray, share: float) -> float:
    """The least candidate that at most the share reaches, by trying each."""
    return next(float(e) for e in edges_of_bins() if (cosines >= e).sum() <= share * len(cosines) + 1e-9)


@pytest.mark.parametrize("chunk", [37, 4096])
def test_thresholds_equal_trying_every_candidate(chunk: int) -> None:
    rng = np.random.default_rng(1)
    images, classes = rng.normal(size=(300, 5)), rng.normal(size=(4, 5))
    images /= np.linalg.norm(images, axis=1, keepdims=True)
    classes /= np.linalg.norm(classes, axis=1, keepdims=True)
    images, classes = images.astype(np.float32), classes.astype(np.float32)
    cells = rng.integers(0, 3, 300)
    reference = np.array([[1, 1, 1], [0, 1, 1], [1, 0, 0], [0, 0, 0]], bool)
    columns, shares = np.array([2, 0, 1, 3]), np.array([0.5, 0.1, 0.003])
    found = class_thresholds(images, classes, columns, reference, cells=cells, shares=shares, chunk=chunk)
    assert found.shape == (3, 4)
    for q, column in enumerate(columns[:3]):
        own = (images @ classes[column])[reference[q][cells]]
        assert found[:, q].tolist() == [naive_threshold(own, share) for share in shares]
        reached = np.array([(own >= threshold).mean() for threshold in found[:, q]])
        assert (reached <= shares).all()
        assert (np.array([(own >= threshold - STEP).mean() for threshold in found[:, q]]) > shares).all()
    assert np.isinf(found[:, 3]).all()  # a class without reference images is never given
