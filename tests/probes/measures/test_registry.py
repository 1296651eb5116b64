"""Every kind of probe that is no classification, from YAML to rows, on pictures of which all is known.

A picture's embedding is its mean colour; a text's is that of the colour it names (see conftest). So "a red
person" is nearest to red pictures, and what every measure must be can be said beforehand.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from audit.statistics.proportion.proportions import adjusted_wilson, newcombe, wilson
from clipmodel.errors import UserError
from probes.datasets.demographic_dataset import DemographicDataset
from probes.datasets.downscaled import CoarseDataset
from probes.datasets.formats.embeddings import load_embeddings
from probes.datasets.formats.predictions import load_predictions
from probes.datasets.formats.table import TableDataset
from probes.embeddings import embedded_images
from probes.embeddings.embed import EmbeddingStore
from probes.embeddings.precomputed import given_model
from probes.embeddings.stored_rows import StoredRows
from probes.metrics.c_asc import contrastive_scores
from probes.metrics.ranking import counts_at, ndkl
from probes.metrics.weat import weat
from probes.planning.audit_plan import plan
from probes.records import validate
from probes.runner import run_suite
from probes.suite.suite import Suite
from tests.probes.conftest import FakeModel
from tests.support.measured import measures_of

# Twelve pictures: of six women four are red, of six men one is. The two of a set differ in gender.
WOMEN = ["red", "red", "red", "red", "green", "blue"]
MEN = ["red", "green", "green", "green", "blue", "blue"]
PEOPLE = [
    *[(f"w{i}.png", colour, "woman", "north", 100 * i, f"s{i}") for i, colour in enumerate(WOMEN)],
    *[
        (f"m{i}.png", colour, "man", "south" if i else "north", 100 * i + 50, f"s{i}")
        for i, colour in enumerate(MEN)
    ],
]
COLUMNS = ["path", "colour", "gender", "region", "income", "set"]
COLOURS = {"sets": {"identity": [{"name": c, "is": {"colour": c}} for c in ("red", "green", "blue")]}}
WORDS = {"warm": ["red"], "cold": ["green", "blue"]}


@pytest.fixture
def data(write_table: Callable[[pd.DataFrame], Path]) -> TableDataset:
    return TableDataset(write_table(pd.DataFrame(PEOPLE, columns=COLUMNS)))


@pytest.fixture
def ask(model: FakeModel, data: TableDataset, store: EmbeddingStore) -> Callable[..., pd.DataFrame]:
    """Runs one probe and returns its rows."""

    def run(**probe: Any) -> pd.DataFrame:
        records = run_suite(suite_of(**probe), model, data, store=store)
        validate(records)
        return measures_of(records)

    return run


def suite_of(**probe: Any) -> Suite:
    label_sets = {"colours": COLOURS}
    return Suite.model_validate(
        {"suite": "one", "data": "x", "label_sets": label_sets, "probes": [{"name": "p", **probe}]}
    )


def one(rows: pd.DataFrame, **keys: Any) -> pd.Series:
    for name, value in keys.items():
        rows = rows[rows[name] == value]
    assert len(rows) == 1, rows
    return rows.iloc[0]


def similarities(model: FakeModel, data: DemographicDataset, words: list[str]) -> np.ndarray:
    pixels = [model.preprocess(data.open_image(row)) for row in range(len(data))]
    images = np.stack([model.encode_image(each[None])[0].numpy() for each in pixels])
    return images @ model.encode_text([f"a {word}" for word in words]).numpy().T


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


def test_a_ranking_is_that_of_the_bare_arrays(
    ask: Callable[..., pd.DataFrame], model: FakeModel, data: TableDataset
) -> None:
    """The five red pictures are on top for red: four women and a man; halves are expected."""
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


def test_flips_by_hand(ask: Callable[..., pd.DataFrame]) -> None:
    """Sets s0 (red, red), s1 to s3 (red, green), s4 (green, blue), s5 (blue, blue): four of six flip."""
    rows = ask(kind="counterfactual", label_set="colours", attribute="gender", same=["set"])
    found = one(rows, metric="flip rate", item="any change")
    assert (found["n"], found["value"]) == (6, pytest.approx(4 / 6))
    assert (found["low"], found["high"]) == tuple(map(float, wilson(4, 6)))
    assert one(rows, metric="flip rate", item="man to woman")["value"] == found["value"]


def test_turns_to_a_set_by_hand(model: FakeModel, data: TableDataset, store: EmbeddingStore) -> None:
    sets = {"identity": ["green", "blue"], "harm: red": ["red"]}
    suite = Suite.model_validate(
        {"suite": "s", "label_sets": {"c": {"sets": sets}}, "probes": [
            {"name": "p", "kind": "counterfactual", "label_set": "c", "attribute": "gender", "same": ["set"],
             "outcomes": {"harm": ["harm: red"]}}]}
    )  # fmt: skip
    rows = measures_of(run_suite(suite, model, data, store=store))
    # From man to woman, three sets turn to red and none away from it.
    found = one(rows, metric="turns to harm", item="man to woman: harm")
    assert found["value"] == pytest.approx(0.5)
    assert found["low"] > 0


def test_accuracy_by_group_bucket_and_worst(ask: Callable[..., pd.DataFrame]) -> None:
    """Red's class is shown as a second green: red pictures are wrong, green ones tie and so are too.

    Blue ones are right: 1 of the 7 of the north, 2 of the 5 of the south.
    """
    rows = ask(
        kind="group_accuracy", label_set="colours", truth="colour", k=[1], groups=[["region"]],
        buckets={"income": [200, 400]}, design={"rename": {"red": "not green"}}, min_group=2,
    )  # fmt: skip
    north = one(rows, metric="top-1 accuracy", region="north", item="")
    assert (north["n"], north["value"]) == (7, pytest.approx(1 / 7))
    buckets = rows[rows["item"].str.startswith("income")]
    names = ["income below 200", "income 200 to 400", "income 400 and more"]
    assert buckets.loc[buckets["metric"] == "top-1 accuracy", "item"].tolist() == names
    assert buckets.loc[buckets["metric"] == "top-1 accuracy", "n"].tolist() == [4, 4, 4]
    assert set(buckets.loc[buckets["metric"] == "top-1 accuracy", "note"]) == {"cut points 200, 400"}
    worst = rows[rows["metric"] == "worst-group top-1 accuracy"]
    assert (worst["region"].iloc[0], worst["value"].iloc[0]) == ("north", north["value"])
    assert "the lowest of 2 by region" in worst["note"].tolist()[0]


def test_k_that_reaches_every_class_measures_nothing(ask: Callable[..., pd.DataFrame]) -> None:
    with pytest.raises(UserError, match="every image would be right"):
        ask(kind="group_accuracy", label_set="colours", truth="colour", k=[3, 5], groups=[["region"]])


def test_both_conditionals_by_hand(model: FakeModel, data: TableDataset, store: EmbeddingStore) -> None:
    """Four of six women and one of six men are red: P(red | woman) 2/3, P(woman | red) 4/5."""
    sets = {"identity": ["green", "blue"], "harm: red": ["red"]}
    suite = Suite.model_validate(
        {"suite": "s", "label_sets": {"c": {"sets": sets}}, "probes": [
            {"name": "p", "kind": "conditionals", "label_set": "c", "groups": [["gender"]],
             "outcomes": {"harm": ["harm: red"]}}]}
    )  # fmt: skip
    rows = measures_of(run_suite(suite, model, data, store=store))
    assert one(rows, metric="P(harm | group)", gender="woman")["value"] == pytest.approx(4 / 6)
    found = one(rows, metric="P(group | harm)", gender="woman")
    assert (found["n"], found["value"]) == (5, pytest.approx(4 / 5))
    assert "50.0% of all images" in found["note"]


def test_pronouns_by_hand(ask: Callable[..., pd.DataFrame]) -> None:
    """The pronoun "red" is right for women: 4 of 6; "green" for men: 3 of 6, as blue prefers neither."""
    rows = ask(
        kind="pronouns", caption="{pronoun} in the {region}", truth="gender",
        pronouns={"woman": "red", "man": "green"},
    )  # fmt: skip
    women, men = (one(rows, item=item) for item in ("woman: red", "man: green"))
    assert (women["n"], men["n"]) == (6, 6)
    gap = one(rows, metric="resolution gap")
    assert gap["value"] == pytest.approx(women["value"] - men["value"])
    counts = [round(6 * part["value"]) for part in (women, men)]
    assert gap["low"] == pytest.approx(float(newcombe(counts[0], 6, counts[1], 6)[0]))
    mean = one(rows, metric="resolution accuracy", item="both")
    assert mean["value"] == pytest.approx((women["value"] + men["value"]) / 2)


def test_coarse_pictures_are_embedded_apart(
    ask: Callable[..., pd.DataFrame], model: FakeModel, data: TableDataset
) -> None:
    rows = ask(
        kind="image_resolution", label_set="colours", truth="colour", sizes=[2, 100], groups=[["gender"]]
    )
    assert model.n_images == 3 * 12
    everyone = rows[rows["gender"] == "(all)"]
    assert everyone["item"].tolist() == ["original", "2 px", "100 px"]
    assert (everyone["value"] == 1).all()  # plain colours survive any size
    coarse = CoarseDataset(data, 2)
    assert coarse.open_image(0).size == (2, 2) and CoarseDataset(data, 100).open_image(0).size == (4, 4)
    assert len({source.content_hash(0) for source in (data, coarse, CoarseDataset(data, 3))}) == 3


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
    """Words that the file lacks are left out, classes it lacks are an error, coarse pictures are refused."""
    vectors = np.eye(3, dtype=np.float32)
    np.savez(
        tmp_path / "e.npz", image=np.repeat(vectors[:2], 4, axis=0), gender=np.repeat(["w", "m"], 4),
        colour=np.repeat(["red", "green"], 4), text=vectors[:2], text_name=np.array(["red", "green"]),
    )  # fmt: skip
    data = load_embeddings(tmp_path / "e.npz")
    model = given_model(data)
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
