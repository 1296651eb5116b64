from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from clipmodel.errors import UserError
from probes.datasets.formats.table import TableDataset
from probes.embeddings.embed import EmbeddingStore
from probes.records import Records, validate
from probes.runner import run_suite
from probes.scoring.outcome_bits import OutcomeBits, digests
from probes.suite.held_out_images import Confirmation
from probes.suite.suite import Suite
from tests.probes.conftest import FakeModel
from tests.probes.test_runner import ROWS, SUITE, pick


@pytest.fixture
def data(write_table: Callable[[pd.DataFrame], Path]) -> TableDataset:
    return TableDataset(write_table(pd.DataFrame(ROWS, columns=["path", "colour", "label", "gender"])))


@pytest.fixture
def records(model: FakeModel, data: TableDataset, store: EmbeddingStore) -> Records:
    return run_suite(Suite.model_validate(SUITE), model, data, store=store, keep_images=True)


def test_patterns_add_up_to_the_counts(records: Records) -> None:
    assert records.outcomes is not None
    probes = {probe["name"]: probe for probe in records.manifest["probes"]}
    assert probes["harm"]["specifications"][:3] == [
        ["default", "plain", "argmax", None],
        ["default", "plain", "probability", 0.3],
        ["default", "plain", "probability", 0.9],
    ]
    own = pick(records.outcomes, probe="harm", outcome="crime")
    assert len(own) == 6
    for place, (design, template, rule, threshold) in enumerate(probes["harm"]["specifications"]):
        rows = pick(
            records.counts, probe="harm", design=design, template=template, rule=rule, event="harm: crime"
        )
        if threshold is not None:
            rows = pick(rows, threshold=threshold)
        assert (own["outcome_bits"].str[place] == "1").sum() == rows["count"].sum()


def test_misclassified_is_a_pattern_of_two_templates(records: Records) -> None:
    assert records.outcomes is not None
    own = pick(records.outcomes, probe="colour", outcome="misclassified")
    assert own["outcome_bits"].tolist() == ["00", "00", "11", "00", "00", "11"]


def test_images_are_named_by_digests_alone(records: Records) -> None:
    assert records.outcomes is not None
    assert records.images is not None
    named = digests(pick(records.images, probe="colour", template="plain")["image_id"])
    assert pick(records.outcomes, probe="colour")["image"].tolist() == named
    assert all(len(name) == 16 for name in named)


def test_a_log_in_chunks_is_the_log_of_all() -> None:
    rng = np.random.default_rng(0)
    happened = {"argmax": rng.random((2, 1, 9)) < 0.5, "probability": rng.random((2, 3, 9)) < 0.5}
    thresholds = {"argmax": [np.nan], "probability": [0.1, 0.2, 0.3]}
    labels = pd.DataFrame({"image_id": range(9), "cluster": range(9), "tone": "dark"})
    tables = []
    for size in (9, 2):
        log = OutcomeBits(
            9, keys=[("a", "plain"), ("b", "plain")], thresholds=thresholds, outcomes=["x", "y"]
        )
        for start in range(0, 9, size):
            log.add(1, start, {rule: events[..., start : start + size] for rule, events in happened.items()})
        tables.append(log.tables(labels, probe="p"))
    for whole, chunked in zip(*tables, strict=True):
        pd.testing.assert_frame_equal(whole, chunked)
    first = tables[0][0]["outcome_bits"]
    assert first.str[:4].eq("0000").all()
    assert [characters == "1" for characters in first.str[4]] == happened["argmax"][0, 0].tolist()
    assert [characters == "1" for characters in first.str[6]] == happened["probability"][0, 1].tolist()


@pytest.mark.parametrize(("limit", "most"), [("MOST_BITS", 17), ("MOST_IMAGES", 8)])
def test_too_many_letters_or_images_are_not_kept(
    limit: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"probes.scoring.outcome_bits.{limit}", most)
    log = OutcomeBits(9, keys=[("a", "plain")], thresholds={"top_k": [1.0, 2.0]}, outcomes=["x"])
    log.add(0, 0, {"top_k": np.ones((1, 2, 9), bool)})
    assert log.tables(pd.DataFrame({"image_id": range(9), "cluster": range(9)}), probe="p") == []


@pytest.mark.parametrize("width", [1, 8, 64, 65, 130])
def test_patterns_are_the_letters_of_each_image(width: int) -> None:
    rng = np.random.default_rng(width)
    happened = rng.random((1, width, 40)) < 0.5
    happened[..., 30:] = happened[..., :10]  # equal bit strings
    thresholds = list(np.linspace(0, 1, width))
    log = OutcomeBits(40, keys=[("a", "plain")], thresholds={"cosine": thresholds}, outcomes=["x"])
    log.add(0, 0, {"cosine": happened})
    labels = pd.DataFrame({"image_id": range(40), "cluster": range(40)})
    expected = ["".join("1" if hit else "0" for hit in image) for image in happened[0].T]
    assert log.tables(labels, probe="p")[0]["outcome_bits"].tolist() == expected


def split_run(
    confirmation: dict[str, Any], *, model: FakeModel, data: TableDataset, store: EmbeddingStore
) -> Records:
    suite = Suite.model_validate(SUITE | {"confirmation": confirmation})
    return run_suite(suite, model, data, store=store)


def test_images_kept_apart_are_in_no_other_table(
    records: Records,
    model: FakeModel,
    data: TableDataset,
    store: EmbeddingStore,
) -> None:
    split = split_run({"attribute": "gender", "values": ["man"]}, model=model, data=data, store=store)
    validate(split)
    assert split.confirmation is not None
    assert "man" not in set(split.counts["gender"])
    assert set(split.confirmation["gender"]) == {"man"}
    assert split.manifest["confirmation"]["n_images"] == 2
    keys = ["probe", "design", "template", "rule", "threshold", "event_kind", "event"]
    both = pd.concat([split.counts, split.confirmation])
    for whole, parts in ((records.counts, both),):
        sums = [t.groupby(keys, dropna=False, observed=True)["count"].sum() for t in (whole, parts)]
        pd.testing.assert_series_equal(*sums)
    assert split.outcomes is not None
    assert len(pick(split.outcomes, probe="harm", outcome="crime")) == 4


def test_a_share_is_drawn_by_cluster_and_seed(data: TableDataset) -> None:
    half = Confirmation(share=0.5)
    drawn = half.held_out(data, seed=1)
    np.testing.assert_array_equal(drawn, half.held_out(data, seed=1))
    many = [half.held_out(data, seed=seed) for seed in range(200)]
    assert np.mean(many) == pytest.approx(0.5, abs=0.05)
    less = Confirmation(share=0.2).held_out(data, seed=1)
    assert not (less & ~drawn).any()


@pytest.mark.parametrize(
    ("confirmation", "message"),
    [
        ({"attribute": "gendre", "values": ["man"]}, "no attribute 'gendre'"),
        ({"attribute": "gender", "values": ["men"]}, "no image has gender 'men'"),
        ({"attribute": "gender", "values": ["man", "woman"]}, "no images to confirm|no images to explore"),
    ],
)
def test_a_split_that_does_not_fit_the_data_is_a_user_error(
    confirmation: dict[str, Any],
    message: str,
    model: FakeModel,
    data: TableDataset,
    store: EmbeddingStore,
) -> None:
    if "to" in message:
        suite = copy_with_where(confirmation)
        with pytest.raises(UserError, match=message):
            run_suite(suite, model, data, store=store)
        return
    with pytest.raises(UserError, match=message):
        split_run(confirmation, model=model, data=data, store=store)


def copy_with_where(confirmation: dict[str, Any]) -> Suite:
    probes = [SUITE["probes"][0] | {"where": {"gender": ["man", "woman"]}}]
    return Suite.model_validate(SUITE | {"probes": probes, "confirmation": confirmation})


@pytest.mark.parametrize(
    "wrong", [{}, {"attribute": "split"}, {"share": 0.3, "attribute": "a", "values": ["b"]}]
)
def test_a_split_is_by_attribute_or_by_share(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="attribute with values, or a share"):
        Confirmation.model_validate(wrong)
