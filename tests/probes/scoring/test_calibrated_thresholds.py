from __future__ import annotations

import numpy as np
import pytest

from probes.scoring.calibrated_thresholds import STEP, class_cuts, edges_of_bins


def naive_cut(cosines: np.ndarray, share: float) -> float:
    """The least candidate that at most the share reaches, by trying each."""
    return next(float(e) for e in edges_of_bins() if (cosines >= e).sum() <= share * len(cosines) + 1e-9)


@pytest.mark.parametrize("chunk", [37, 4096])
def test_cuts_equal_trying_every_candidate(chunk: int) -> None:
    rng = np.random.default_rng(1)
    images, classes = rng.normal(size=(300, 5)), rng.normal(size=(4, 5))
    images /= np.linalg.norm(images, axis=1, keepdims=True)
    classes /= np.linalg.norm(classes, axis=1, keepdims=True)
    images, classes = images.astype(np.float32), classes.astype(np.float32)
    cells = rng.integers(0, 3, 300)
    reference = np.array([[1, 1, 1], [0, 1, 1], [1, 0, 0], [0, 0, 0]], bool)
    columns, shares = np.array([2, 0, 1, 3]), np.array([0.5, 0.1, 0.003])
    cuts = class_cuts(images, classes, columns, reference, cells=cells, shares=shares, chunk=chunk)
    assert cuts.shape == (3, 4)
    for q, column in enumerate(columns[:3]):
        own = (images @ classes[column])[reference[q][cells]]
        assert cuts[:, q].tolist() == [naive_cut(own, share) for share in shares]
        reached = np.array([(own >= cut).mean() for cut in cuts[:, q]])
        assert (reached <= shares).all()
        assert (np.array([(own >= cut - STEP).mean() for cut in cuts[:, q]]) > shares).all()
    assert np.isinf(cuts[:, 3]).all()  # a class without reference images is never given
