"""Standard accuracy beside an audit."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit.evaluation.evaluation_result import write_result
from audit.evaluation.standard_accuracy import results_of, standard_accuracy
from clipmodel.errors import UserError
from tests.audit.support.evaluation_results import result_of


def test_standard_accuracy_is_that_of_the_same_weights(tmp_path: Path) -> None:
    write_result(result_of("stl10", 0.9), tmp_path)
    write_result(result_of("cifar10", 0.8), tmp_path)
    table = standard_accuracy(results_of(tmp_path, "f"))
    assert table["evaluation_set"].tolist() == ["cifar10", "stl10"] and table["value"].tolist() == [0.8, 0.9]
    with pytest.raises(UserError, match="none of the weights that are audited"):
        results_of(tmp_path, "other weights")
    assert len(standard_accuracy([])) == 0
