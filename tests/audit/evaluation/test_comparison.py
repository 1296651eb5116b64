from __future__ import annotations

import pandas as pd
import pytest

from audit.evaluation.comparison import compare_models
from audit.evaluation.evaluation_result import EvaluationResult
from clipmodel.errors import UserError
from tests.audit.support.evaluation_results import result_of


def with_images(dataset: str, right: list[bool], model: str) -> EvaluationResult:
    ids = [f"i{row}" for row in range(len(right))]
    return result_of(
        dataset, model=model, tables={"images": pd.DataFrame({"id": ids, "acc1": right, "cluster": ids})}
    )


def test_two_models_are_compared_set_by_set() -> None:
    # 8 images change on the first set, all one way: p = 2 / 2^8; on the second none. Holm doubles the first.
    first = [with_images("a", [True] * 10, "A"), with_images("b", [True] * 5, "A")]
    second = [with_images("a", [False] * 8 + [True] * 2, "B"), with_images("b", [True] * 5 + [False], "B")]
    table = compare_models(first, second)
    assert table["difference"].tolist() == [0.8, 0.0] and table["n"].tolist() == [10, 5]
    assert table["p"].tolist() == [2 / 2**8, 1.0] and table["p_adjusted"].tolist() == [4 / 2**8, 1.0]
    assert table["note"].tolist() == ["", "1 answers of only one model left out"]
    with pytest.raises(UserError, match="no set and task in common"):
        compare_models(first[:1], second[1:])
