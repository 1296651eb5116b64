from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from audit.commands.composed import evaluation_runs
from audit.commands.composed.evaluation_runs import (
    ModelRun,
    Options,
    _groups,
    _text_clusters,
    evaluate,
    model_identity,
)
from clipmodel.errors import UserError
from clipmodel.evaluation.readers import subsets
from clipmodel.evaluation.readers.evaluation_set import CandidateSet, EvaluationSet, FunctionImages
from clipmodel.evaluation.registry import catalogue
from clipmodel.evaluation.registry.entry import SetEntry
from probes.embeddings.embedded_images import EmbeddedImages

AXES = np.eye(3, dtype=np.float32)
WORDS = ("cat", "dog", "owl")


@dataclass(frozen=True)
class Run(ModelRun):
    """Texts lie on the axis of the word in them; so do images, of which the one at row 2 is broken."""

    shown: tuple[int, ...] = (0, 0, 1, 1)

    def embed(self, opened: EvaluationSet, *, features: bool = False) -> EmbeddedImages:
        rows = np.array([row for row in range(len(opened)) if row != 2])
        vectors = AXES[[self.shown[row] for row in rows]]
        return EmbeddedImages(
            rows=rows, vectors=vectors, unreadable={2: "broken"}, n_new=0, content_sha256="c"
        )

    def texts(self, texts: Sequence[str]) -> Any:
        return AXES[[next(k for k, word in enumerate(WORDS) if word in text) for text in texts]]


def run(**changes: Any) -> Run:
    model: Any = SimpleNamespace(preprocess_id="plain", fingerprint="f")
    store: Any = None
    return Run(model, "tiny", store, **changes)


def made(**changes: Any) -> EvaluationSet:
    values = {
        "entry": SetEntry(name="own", title="Own", metric="acc1", **changes.pop("entry", {})),
        "images": FunctionImages(["i", "j", "k", "l"], bytes), "where": "here",
        "truth": np.array([0, 1, 0, 1]), "classes": (("cat",), ("dog",)), "templates": ("{}",), **changes,
    }  # fmt: skip
    return EvaluationSet(**values)


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    def result(opened: EvaluationSet, task: str | None = None, **shown: Any) -> Any:
        monkeypatch.setattr(evaluation_runs, "open_evaluation_set", lambda *args, **options: opened)
        return evaluate(run(**shown), "own", task, Options(), cache=tmp_path)

    return result


def test_an_unreadable_image_is_named_and_counts_for_nothing(evaluated: Any) -> None:
    # Shown cat, cat, dog of the truths cat, dog, dog: two of three are right.
    found = evaluated(made())
    assert found.metrics["acc1"].value == pytest.approx(2 / 3) and found.metrics["acc1"].n == 3
    assert found.details["unreadable"] == [{"id": "k", "reason": "broken"}]
    assert found.tables["images"]["id"].tolist() == ["i", "j", "l"]
    assert found.tables["confusion"]["images"].sum() == 3 and "templates" not in found.tables
    assert (found.model, found.pretrained, found.task) == ("tiny", "bundled", "zeroshot_classification")


def test_templates_are_asked_one_by_one(evaluated: Any) -> None:
    found = evaluated(made(templates=("a {}", "the {}")))
    assert set(found.tables["templates"]["prompts"]) >= {"a {}", "the {}"}


def test_several_labels_an_image_are_ranked(evaluated: Any) -> None:
    # Both classes have their one image at the top, so each average precision is 1.
    labels = np.array([[True, False], [False, False], [True, True], [False, True]])
    found = evaluated(made(truth=None, multilabel=labels), shown=(0, 2, 1, 1))
    assert found.metrics["mean_average_precision"].value == pytest.approx(1.0)


def test_captions_are_found_and_find(evaluated: Any) -> None:
    pairs = np.array([[0, 0], [1, 1], [2, 2], [3, 2]])
    opened = made(truth=None, captions=WORDS, pairs=pairs, classes=())
    found = evaluated(opened, "zeroshot_retrieval", shown=(0, 1, 0, 2))
    assert found.metrics["mean_recall@1"].value == pytest.approx(1.0)
    assert found.details["pairs"] == 3  # the pair of the broken image is left out
    assert "prompt_effect" in found.tables


def test_candidates_are_picked_by_their_similarity_with_the_cue(evaluated: Any) -> None:
    # The cue "cat" lies on the axis of image i; of the second question image k cannot be read.
    questions = tuple(
        CandidateSet(caption=place, images=np.array(rows), right=np.array(right))
        for place, rows, right in ((0, [0, 1, 3], [True, False, False]), (1, [1, 2], [True, False]))
    )
    opened = made(truth=None, classes=(), captions=("A cat", "A dog"), candidate_sets=questions)
    found = evaluated(opened, "image_selection", shown=(0, 1, 0, 2))
    assert found.metrics["avg_jaccard_score"].value == 1.0 and found.main_metric == "jaccard"
    assert (found.details["questions"], found.details["questions_left_out"]) == (1, 1)
    assert found.tables["images"]["overlap"].tolist() == [1.0]


def test_classes_of_objectnet_are_maxima_over_imagenets(
    evaluated: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    imagenet = SetEntry(name="imagenet1k", title="I", metric="acc1", classes=list(WORDS), templates=["{}"])
    monkeypatch.setattr(catalogue, "load_entry", lambda name: imagenet)
    monkeypatch.setattr(subsets, "subset_groups", lambda entry: [[0, 2], [1]])
    entry = {"subset": "objectnet", "scored_by": "imagenet1k", "classes": ["Animal", "dog"]}
    opened = made(entry=entry, classes=(("Animal",), ("dog",)))
    # Shown owl, dog and dog (the third is broken); owl and cat are the first class.
    found = evaluated(opened, shown=(2, 1, 0, 1))
    assert found.metrics["acc1"].value == 1.0 and "templates" not in found.tables
    with pytest.raises(UserError, match="'fox' is no class of objectnet"):
        evaluated(made(entry=entry, classes=(("fox",), ("dog",))))


def test_a_caption_is_in_the_cluster_of_its_images_if_that_is_one() -> None:
    pairs = np.array([[0, 0], [1, 0], [1, 1], [2, 1]])
    assert _text_clusters(pairs, ["ann", "ann", "bob"], 3) == ["ann", "text 1", "text 2"]


def test_the_groups_of_a_worst_group_metric() -> None:
    entry = {"worst_over": "country", "leave_out": (0,)}
    opened = made(entry=entry, metadata=pd.DataFrame({"country": [1, 0, 2, 1]}))
    assert _groups(opened, np.array([0, 1, 3])) == ["1", None, "1"]
    assert _groups(made(), np.array([0])) is None
    with pytest.raises(UserError, match="no metadata 'country'"):
        _groups(made(entry=entry, metadata=pd.DataFrame({"year": [1] * 4})), np.array([0]))


@pytest.mark.parametrize(
    ("changes", "task", "said"),
    [
        ({"truth": None}, "zeroshot_classification", "no labels"),
        ({"classes": ()}, "zeroshot_classification", "no class names"),
        ({"templates": ()}, "zeroshot_classification", "no templates"),
        ({}, "zeroshot_retrieval", "no captions"),
        ({"truth": None, "multilabel": np.ones((4, 2), bool)}, "linear_probe", "one label per image"),
        ({}, "image_selection", "no candidates"),
        ({}, "clustering", "no task 'clustering'"),
    ],
)
def test_a_set_that_does_not_fit_the_task_is_refused(
    evaluated: Any, changes: dict[str, Any], task: str, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        evaluated(made(**changes), task)


@pytest.mark.parametrize(
    ("spec", "identity"),
    [
        ("open_clip:ViT-B-32/openai", ("ViT-B-32", "openai")),
        ("hf:openai/clip-vit-base-patch32", ("openai/clip-vit-base-patch32", "hf")),
        ("tiny", ("tiny", "bundled")),
        ("models/mine.safetensors", ("mine", "models/mine.safetensors")),
        ("models/folder", ("folder", "models/folder")),
    ],
)
def test_the_model_and_the_weights_of_a_specification(spec: str, identity: tuple[str, str]) -> None:
    assert model_identity(spec) == identity


def test_the_emoji_are_opened_by_name(tmp_path: Path) -> None:
    opened = evaluation_runs.open_evaluation_set("emoji-names", Options(), cache=tmp_path)
    assert opened.captions and opened.pairs is not None
