"""Embeddings, predictions and scores from a file lead to the same audit as a model with images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from clipmodel.errors import UserError
from probes.datasets import EmbeddedDataset, load_dataset
from probes.embeddings.embed import EmbeddingStore, embed_dataset, embed_texts
from probes.embeddings.precomputed import AS_GIVEN, PrecomputedModel, precomputed_model
from probes.planning.audit_plan import plan
from probes.records import Records, validate
from probes.runner import run_suite
from probes.suite.suite import Suite
from tests.probes.conftest import FakeModel
from tests.probes.test_runner import ROWS, SUITE

REAL = Path(__file__).parents[4] / "shared" / "data" / "clip_rn50_fairface" / "rn50_fairface2000.npz"
PATHS, COLOURS, LABELS, GENDERS = (list(column) for column in zip(*ROWS, strict=True))


def colour_suite(**changed: Any) -> Suite:
    """The first probe of the runner's suite: colours, one design."""
    return Suite.model_validate(SUITE | {"probes": [SUITE["probes"][0] | changed]})


def run(spec: str, suite: Suite, store: EmbeddingStore) -> Records:
    dataset = load_dataset(spec)
    model = precomputed_model(dataset)
    assert model is not None
    records = run_suite(suite, model, dataset, store=store, keep_images=True)
    validate(records)
    return records


@pytest.fixture
def from_images(write_table: Any, model: FakeModel, store: EmbeddingStore) -> Records:
    table = pd.DataFrame({"path": PATHS, "colour": COLOURS, "label": LABELS, "gender": GENDERS})
    return run_suite(colour_suite(), model, load_dataset(f"table:{write_table(table)}"), store=store)


@pytest.fixture
def embeddings(tmp_path: Path, from_images: Records, model: FakeModel, store: EmbeddingStore) -> str:
    """What the model made of the images and prompts of that run, saved to a file."""
    dataset = load_dataset(f"table:{tmp_path / 'people.csv'}")
    texts = plan(colour_suite(), dataset).texts
    np.savez(
        tmp_path / "e.npz",
        image=embed_dataset(model, dataset, range(len(ROWS)), store=store).embeddings,
        text=embed_texts(model, texts, store=store),
        text_name=np.array(texts),
        path=np.array(PATHS),
        label=np.array(LABELS),
        gender=np.array(GENDERS),
        logit_scale=np.float64(model.logit_scale),
    )
    return f"embeddings:{tmp_path / 'e.npz'}"


def test_embeddings_give_the_counts_of_the_images(
    from_images: Records, embeddings: str, store: EmbeddingStore
) -> None:
    records = run(embeddings, colour_suite(), store)
    pd.testing.assert_frame_equal(records.counts, from_images.counts)
    assert records.manifest["probes"] == from_images.manifest["probes"]
    assert records.manifest["model"]["preprocessing"] == "not known"
    assert records.manifest["data"]["n_images"] == len(ROWS)


def test_predictions_give_the_counts_of_the_images(
    tmp_path: Path, from_images: Records, embeddings: str, store: EmbeddingStore
) -> None:
    """The predictions of the embeddings' run, saved to a table and audited again."""
    images = run(embeddings, colour_suite(), store).images
    assert images is not None
    said = images[images["template"] == "plain"]["prediction"].to_numpy()
    table = pd.DataFrame({"path": PATHS, "label": LABELS, "gender": GENDERS, "prediction": said})
    table.to_csv(tmp_path / "p.csv", index=False)
    records = run(f"predictions:{tmp_path / 'p.csv'}", colour_suite(), store)
    expected = from_images.counts[from_images.counts["template"] == "plain"].reset_index(drop=True)
    pd.testing.assert_frame_equal(records.counts.assign(template="plain"), expected, check_dtype=False)
    assert records.manifest["probes"][0]["templates"] == [AS_GIVEN]


def scores(folder: Path, text: str) -> str:
    (folder / "s.csv").write_text(text)
    return f"predictions:{folder / 's.csv'}"


def test_scores_answer_thresholds(tmp_path: Path, store: EmbeddingStore) -> None:
    """p(red) is 0.6, 0.3 and 0.2: at the threshold 0.3 two images of three have 'red'."""
    text = (
        "gender,label,score_red,score_blue,score_villain\nw,red,.6,.3,.1\nw,red,.3,.6,.1\nm,blue,.2,.2,.6\n"
    )
    suite = colour_suite(rules=["argmax", "probability"])
    counts = run(scores(tmp_path, text), suite, store).counts
    at = counts[(counts["threshold"] == 0.3) & (counts["event"] == "red")]
    assert at.groupby("gender", observed=True)["count"].sum().to_dict() == {"m": 0, "w": 2}
    argmax = counts[(counts["rule"] == "argmax") & (counts["event_kind"] == "class") & (counts["count"] > 0)]
    assert sorted(argmax["event"]) == ["blue", "red", "villain"]


def test_a_score_that_equals_a_threshold_reaches_it(tmp_path: Path, store: EmbeddingStore) -> None:
    """Scores of two decimals: the softmax of their logarithms may round each, and none may be lost by it."""
    reds = range(1, 100)
    rows = "".join(f"w,red,{red / 100:.2f},{(100 - red) / 100:.2f},0\n" for red in reds)
    probes = [SUITE["probes"][0] | {"rules": ["probability"]}]
    suite = Suite.model_validate(SUITE | {"probes": probes, "thresholds": [red / 100 for red in reds]})
    data = scores(tmp_path, "gender,label,score_red,score_blue,score_villain\n" + rows)
    counts = run(data, suite, store).counts
    red = counts[counts["event"] == "red"].groupby("threshold")["count"].sum()
    # At the threshold k / 100, the images of k / 100 and more have "red": 100 - k of 99.
    assert red.tolist() == [100 - k for k in reds]


@pytest.mark.parametrize(
    ("text", "changed", "message"),
    [
        ("gender,label,prediction\nw,red,Red\n", {}, "predicts 'Red', which is no class"),
        ("gender,label,prediction\nw,red,red\n", {"rules": ["probability"]}, "needs scores"),
        (
            "gender,label,prediction\nw,red,red\n",
            {"designs": {"default": {}, "more": {"add": {"identity": ["child"]}}}},
            "answer one",
        ),
        (
            "gender,label,score_red,score_blue\nw,red,.5,.5\n",
            {},
            "neither text nor score for the class 'villain'",
        ),
    ],
)
def test_what_the_file_cannot_answer_is_refused(
    tmp_path: Path, store: EmbeddingStore, text: str, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        run(scores(tmp_path, text), colour_suite(**changed), store)


def test_a_class_that_is_never_predicted_has_no_counts(tmp_path: Path, store: EmbeddingStore) -> None:
    counts = run(
        scores(tmp_path, "gender,label,prediction\nw,red,red\nm,red,red\n"), colour_suite(), store
    ).counts
    by_class = counts[counts["event_kind"] == "class"].groupby("event")["count"].sum().to_dict()
    assert by_class == {"red": 2, "blue": 0, "villain": 0}


def test_a_file_embeds_nothing_new(tmp_path: Path) -> None:
    dataset = load_dataset(scores(tmp_path, "gender,score_a,score_b\nw,.5,.5\n"))
    assert isinstance(dataset, EmbeddedDataset)
    model = PrecomputedModel(dataset.texts)
    with pytest.raises(UserError, match="no embedding of the text 'c'"):
        model.encode_text(["a", "c"])
    assert precomputed_model(load_dataset("emoji")) is None


@pytest.mark.skipif(not REAL.is_file(), reason="the embeddings of CLIP RN50 are not here")
def test_real_embeddings_give_the_known_accuracy_and_a_warning(store: EmbeddingStore) -> None:
    """877 of 1,000 men and 915 of 1,000 women with the texts man and woman; all women there are White."""
    suite = Suite.model_validate(
        {
            "suite": "gender", "templates": "clip_paper",
            "probes": [{
                "name": "gender", "truth": "gender", "label_set": "clip_paper_gender",
                "templates": ["person"], "groups": [["gender"]], "outcomes": ["misclassified"],
            }],
        }
    )  # fmt: skip
    records = run(f"embeddings:{REAL}", suite, store)
    counts = records.counts[records.counts["event_kind"] == "class"].set_index(["truth", "event"])["count"]
    assert (counts["Male", "man"], counts["Female", "woman"]) == (877, 915)
    (pair,) = [one for one in records.manifest["data"]["confounding"] if one["confounded"]]
    worst = pair["worst"]
    assert worst is not None
    assert (worst["value"], worst["other_value"]) == ("Female", "White")
    assert (worst["n"], worst["count"], worst["n_rest"], worst["count_rest"]) == (1000, 1000, 1000, 207)


def test_classes_of_one_embedding_are_refused(tmp_path: Path, store: EmbeddingStore) -> None:
    """Whichever of the two sorts first would be predicted, always."""
    image, text = np.eye(2, dtype=np.float32)[[0, 1]], np.ones((2, 2), np.float32)
    np.savez(tmp_path / "e.npz", image=image, text=text, text_name=np.array(["man", "woman"]),
             gender=np.array(["man", "woman"]))  # fmt: skip
    dataset = load_dataset(f"embeddings:{tmp_path / 'e.npz'}")
    members = [{"name": word, "is": {"gender": word}} for word in ("man", "woman")]
    probe = {"name": "p", "truth": "gender", "label_set": "own", "outcomes": {"misclassified": {}}}
    sets = {"own": {"sets": {"identity": members}}}
    suite = Suite.model_validate({"suite": "s", "label_sets": sets, "probes": [probe]})
    with pytest.raises(UserError, match="the classes 'man' and 'woman' are one text to the model"):
        run_suite(suite, PrecomputedModel(dataset.texts), dataset, store=store)
