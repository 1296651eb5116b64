from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from probes.datasets.formats.table import TableDataset
from probes.metrics.c_asc import contrastive_scores
from probes.metrics.weat import weat
from tests.probes.conftest import FakeModel
from tests.probes.measures.colours import WORDS, one, similarities


def test_c_asc_is_that_of_the_bare_arrays(
    ask: Callable[..., pd.DataFrame], model: FakeModel, data: TableDataset
) -> None:
    rows = ask(kind="association", permutations=99, words=WORDS, groups=[["gender"]])
    expected = contrastive_scores(
        similarities(model, data, ["red", "green", "blue"]), np.repeat([1, 0], 6), n_groups=2
    )
    for place, word in enumerate(("red", "green", "blue")):
        for group, name in enumerate(("man", "woman")):
            found = one(rows, item=word, gender=name)
            assert found["value"] == pytest.approx(expected[place, group], rel=1e-5)
            assert found["low"] <= found["value"] <= found["high"]
            assert found["p_adjusted"] >= found["p"]
    assert one(rows, item="red", gender="woman")["value"] > 0.8
    assert set(rows["design"]) == {"warm", "cold"}
    assert rows["note"].str.contains("max-T over 6 tests of 3 words x 2 groups; all 924 labelings").all()


def test_a_group_below_the_limit_gets_no_score(ask: Callable[..., pd.DataFrame]) -> None:
    rows = ask(kind="association", permutations=99, words=WORDS, groups=[["gender"]], min_group=7)
    assert rows["value"].isna().all() and set(rows["note"]) == {"fewer than 7 images"}


def test_sc_weat_compares_two_values_only(ask: Callable[..., pd.DataFrame]) -> None:
    rows = ask(
        kind="association",
        test="sc_weat",
        permutations=99,
        words=WORDS,
        contrast={"gender": ["woman", "man"]},
    )
    turned = ask(
        kind="association",
        test="sc_weat",
        permutations=99,
        words=WORDS,
        contrast={"gender": ["man", "woman"]},
    )
    assert one(rows, item="red")["value"] == pytest.approx(-one(turned, item="red")["value"], rel=1e-5)
    assert one(rows, item="red")["value"] > 0 > one(rows, item="green")["value"]


def test_weat_is_that_of_the_bare_arrays(
    ask: Callable[..., pd.DataFrame], model: FakeModel, data: TableDataset
) -> None:
    rows = ask(
        kind="association", test="weat", words=WORDS, between=["warm", "cold"],
        contrast={"gender": ["woman", "man"]},
    )  # fmt: skip
    pixels = [model.preprocess(data.open_image(row)) for row in range(len(data))]
    images = np.stack([model.encode_image(each[None])[0].numpy() for each in pixels])
    warm, cold = (model.encode_text(texts).numpy() for texts in (["a red"], ["a green", "a blue"]))
    expected = weat(images[:6], images[6:], warm, cold)
    found = one(rows, metric="WEAT d")
    assert found["value"] == pytest.approx(expected, rel=1e-5)
    assert "924 all splits" in found["note"]  # C(12, 6)


def test_results_do_not_depend_on_the_order_of_words_and_classes(ask: Callable[..., pd.DataFrame]) -> None:
    rows = ask(
        kind="association",
        permutations=99,
        words={"w": ["red", "blue"]},
        groups=[["gender"]],
        correction="bh",
    )
    turned = ask(
        kind="association",
        permutations=99,
        words={"w": ["blue", "red"]},
        groups=[["gender"]],
        correction="bh",
    )
    order = ["item", "gender"]
    columns = ["value", "low", "high", "p", "p_adjusted"]
    first, second = (each.sort_values(order)[columns].to_numpy(float) for each in (rows, turned))
    np.testing.assert_allclose(first, second, rtol=1e-5)
