"""Every kind of probe that is no classification, from YAML to rows, on images of which all is known.

An image's embedding is its mean colour; a text's is that of the colour it names (see conftest). So "a red
person" is nearest to red images, and what every measure must be can be said beforehand.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from clipmodel.errors import UserError
from probes.datasets.formats.embeddings import load_embeddings
from probes.datasets.formats.predictions import load_predictions
from probes.datasets.formats.table import TableDataset
from probes.embeddings import embedded_images
from probes.embeddings.embed import EmbeddingStore
from probes.embeddings.precomputed import precomputed_model
from probes.embeddings.stored_rows import StoredRows
from probes.planning.audit_plan import plan
from probes.runner import run_suite
from probes.suite.suite import Suite
from tests.probes.conftest import FakeModel
from tests.probes.measures.colours import COLOURS, WORDS, suite_of
from tests.support.measured import measures_of


@pytest.mark.parametrize(
    ("probe", "message"),
    [
        ({"kind": "association", "test": "sc_weat", "words": WORDS, "contrast": {"gendr": ["a", "b"]}},
         "no attribute 'gendr'"),
        ({"kind": "association", "test": "sc_weat", "words": WORDS, "contrast": {"gender": ["woman", "men"]}},
         "no image has gender 'men'"),
        ({"kind": "counterfactual", "label_set": "colours", "attribute": "gender"}, "know no sets"),
        ({"kind": "counterfactual", "label_set": "colours", "attribute": "x", "same": ["set"]},
         "no attribute 'x'"),
        ({"kind": "group_accuracy", "label_set": "colours", "truth": "colour", "buckets": {"region": [1]}},
         "region 'north' is no number"),
        ({"kind": "pronouns", "truth": "gender", "pronouns": {"a": "his", "b": "her"}}, "no attribute"),
    ],
)  # fmt: skip
def test_data_that_do_not_fit_are_named_before_a_model_is_asked(
    data: TableDataset, probe: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        plan(suite_of(**probe), data)


def test_embeddings_in_place_of_a_model(tmp_path: Path, store: EmbeddingStore) -> None:
    """Words that the file lacks are left out, classes it lacks are an error; no downscaled images."""
    vectors = np.eye(3, dtype=np.float32)
    np.savez(
        tmp_path / "e.npz", image=np.repeat(vectors[:2], 4, axis=0), gender=np.repeat(["w", "m"], 4),
        colour=np.repeat(["red", "green"], 4), text=vectors[:2], text_name=np.array(["red", "green"]),
    )  # fmt: skip
    data = load_embeddings(tmp_path / "e.npz")
    model = precomputed_model(data)
    assert model is not None
    asked = suite_of(kind="association", permutations=99, words=WORDS, groups=[["gender"]])
    rows = measures_of(run_suite(asked, model, data, store=store))
    assert set(rows["item"]) == {"red", "green"} and set(rows["template"]) == {"as given"}
    with pytest.raises(UserError, match="no text for the class 'blue'"):
        plan(suite_of(kind="group_accuracy", label_set="colours", truth="colour"), data)
    with pytest.raises(UserError, match="none of its 1 words"):
        plan(suite_of(kind="ranking", words={"q": ["mauve"]}, groups=[["gender"]]), data)
    with pytest.raises(UserError, match="needs images"):
        plan(suite_of(kind="image_resolution", label_set="colours", truth="colour"), data)


def test_predictions_without_scores_cannot_be_ranked(tmp_path: Path) -> None:
    table = pd.DataFrame({"path": ["1", "2"], "prediction": ["red", "green"], "gender": ["w", "m"]})
    table.to_csv(tmp_path / "p.csv", index=False)
    with pytest.raises(UserError, match="needs similarities"):
        plan(suite_of(kind="ranking", words=WORDS, groups=[["gender"]]), load_predictions(tmp_path / "p.csv"))


def clustered(data: TableDataset, key: str) -> TableDataset:
    data.card = replace(data.card, cluster=key)
    return data


PERMUTED: list[dict[str, Any]] = [
    {"kind": "association", "permutations": 99, "words": WORDS, "groups": [["gender"]]},
    {"kind": "association", "test": "weat", "words": WORDS, "between": ["warm", "cold"],
     "contrast": {"gender": ["woman", "man"]}},
    {"kind": "ranking", "words": {"q": ["red"]}, "groups": [["gender"]], "k": [5]},
    {"kind": "association_bias", "label_set": "colours", "contrast": {"gender": ["woman", "man"]},
     "permutations": 99},
]  # fmt: skip


@pytest.mark.parametrize("probe", PERMUTED, ids=["c_asc", "weat", "ranking", "bias"])
def test_clusters_of_one_image_change_nothing_and_larger_ones_are_kept_whole(
    data: TableDataset, model: FakeModel, store: EmbeddingStore, probe: dict[str, Any]
) -> None:
    def rows() -> pd.DataFrame:
        return measures_of(run_suite(suite_of(**probe), model, data, store=store))

    plain = rows()
    assert not plain["note"].str.contains("permutes whole clusters").any()
    clustered(data, "image_id")  # each image is a cluster of its own
    pd.testing.assert_frame_equal(rows(), plain)
    clustered(data, "set")  # two images each, one of either gender
    whole = rows()
    assert whole.loc[whole["p"].notna(), "note"].str.contains("permutes whole clusters").any()
    pd.testing.assert_series_equal(whole["value"], plain["value"])
    assert not whole["p"].equals(plain["p"])


READ: list[dict[str, Any]] = [
    *PERMUTED,
    {"kind": "counterfactual", "label_set": "colours", "attribute": "gender", "same": ["set"]},
    {"kind": "markedness", "neutral": "a person", "marked": ["a red"]},
    {"kind": "pronouns", "caption": "{pronoun} in the {region}", "truth": "gender",
     "pronouns": {"woman": "red", "man": "green"}},
    {"kind": "group_accuracy", "label_set": "colours", "truth": "colour", "k": [1]},
    {"kind": "image_resolution", "label_set": "colours", "truth": "colour", "sizes": [2]},
    {"kind": "conditionals", "label_set": "colours", "outcomes": {"any": ["identity"]}},
]  # fmt: skip


def test_every_kind_reads_embeddings_a_block_at_a_time(
    data: TableDataset, model: FakeModel, store: EmbeddingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory grows with the similarities that a probe asks for, not with the size of embeddings."""
    probes = [{**probe, "name": f"p{number}"} for number, probe in enumerate(READ)]
    suite = Suite.model_validate({"suite": "s", "label_sets": {"colours": COLOURS}, "probes": probes})
    whole = measures_of(run_suite(suite, model, data, store=store))
    read: list[int] = []

    def watched(rows: StoredRows, part: slice) -> np.ndarray:
        vectors = read_slice(rows, part)
        if len(rows) == len(data):  # prompts are fewer, and read at once
            read.append(len(vectors))
        return vectors

    read_slice = StoredRows.__getitem__
    monkeypatch.setattr(StoredRows, "__getitem__", watched)
    monkeypatch.setattr(embedded_images, "BLOCK_IMAGES", 5)
    by_block = measures_of(run_suite(suite, model, data, store=store))
    pd.testing.assert_frame_equal(by_block, whole, rtol=1e-5)
    assert set(read) == {5, 2}  # of twelve images: 5, 5 and 2
