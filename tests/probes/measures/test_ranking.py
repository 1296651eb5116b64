from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from audit.statistics.proportion.proportions import adjusted_wilson
from probes.datasets.formats.table import TableDataset
from probes.metrics.ranking import counts_at, ndkl
from tests.probes.conftest import FakeModel
from tests.probes.measures.colours import one, similarities


def test_a_ranking_is_that_of_the_bare_arrays(
    ask: Callable[..., pd.DataFrame], model: FakeModel, data: TableDataset
) -> None:
    """The five red images are on top for red: four women and a man; halves are expected."""
    rows = ask(
        kind="ranking", words={"q": ["red"]}, groups=[["gender"]], k=[5], bias={"gender": ["man", "woman"]}
    )
    assert one(rows, metric="MaxSkew@5 by gender")["value"] == pytest.approx(math.log(0.8 / 0.5))
    assert one(rows, metric="MinSkew@5 by gender")["value"] == pytest.approx(math.log(0.2 / 0.5))
    assert one(rows, metric="MaxSkew@5 by gender")["note"].startswith("woman; ")
    assert one(rows, metric="Bias@5 by gender")["value"] == pytest.approx(-0.6)
    share = one(rows, metric="share@5", gender="woman")
    assert (share["value"], share["low"]) == (
        pytest.approx(0.8),
        pytest.approx(float(adjusted_wilson(4, 5)[0])),
    )
    counts = counts_at(similarities(model, data, ["red"])[:, 0], np.repeat([1, 0], 6), n_groups=2)
    assert one(rows, metric="NDKL by gender")["value"] == pytest.approx(ndkl(counts, np.full(2, 0.5)))
    assert "an absent group counts as one image in K" in one(rows, metric="MaxSkew@5 by gender")["note"]


@pytest.mark.parametrize(("k", "words"), [(12, "a constant of the data"), (13, "12 images, fewer than K")])
def test_k_of_all_images_is_flagged_and_has_no_value(
    ask: Callable[..., pd.DataFrame], k: int, words: str
) -> None:
    rows = ask(kind="ranking", words={"q": ["red"]}, groups=[["gender"]], k=[k])
    found = one(rows, metric=f"MaxSkew@{k} by gender")
    assert math.isnan(found["value"]) and words in found["note"]


@pytest.mark.parametrize(
    ("reference", "expected"), [("uniform", 0.5), ("candidates", 6 / 8), ("dataset", 0.5)]
)
def test_the_reference_is_named_and_used(
    ask: Callable[..., pd.DataFrame], reference: str, expected: float
) -> None:
    """Among the northern and two southern there are six women in eight; in all the data six in twelve."""
    rows = ask(
        kind="ranking", words={"q": ["red"]}, groups=[["gender"]], k=[4], reference=reference,
        where={"income": ["0", "100", "200", "300", "400", "500", "50", "150"]},
    )  # fmt: skip
    top = one(rows, metric="share@4", gender="woman")["value"]
    assert one(rows, metric="MaxSkew@4 by gender")["value"] == pytest.approx(
        max(math.log(top / expected), math.log(max(1 - top, 0.25) / (1 - expected)))
    )
