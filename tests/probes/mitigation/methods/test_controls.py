"""The controls: nothing, and a random subspace of the rank of the groups."""

from __future__ import annotations

import numpy as np

from probes.mitigation.fitting import FitData
from probes.mitigation.methods.controls import NoMitigation, RandomSubspace


def test_none_changes_nothing(data: FitData) -> None:
    fitted = NoMitigation().fit(data)
    np.testing.assert_array_equal(fitted.images(data.images), data.images.astype(np.float32))


def test_random_removes_as_many_directions_as_there_are_groups(data: FitData) -> None:
    matrix = RandomSubspace().fit(data).image.matrix
    assert matrix is not None
    assert np.linalg.matrix_rank(matrix) == data.images.shape[1] - 2
    np.testing.assert_allclose(matrix @ matrix, matrix, atol=1e-12)
    np.testing.assert_array_equal(matrix, RandomSubspace().fit(data).image.matrix)
