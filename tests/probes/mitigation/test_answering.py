"""A suite asked again with other answers, on a small file of embeddings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from probes.datasets import load_dataset
from probes.embeddings.models import model_for
from probes.embeddings.store import EmbeddingStore
from probes.mitigation.answer_fitting import AnswerData, AnswerMethod, Classifier, one_hot
from probes.mitigation.answering import answer
from probes.mitigation.apply import Embedded, embed_suite
from probes.mitigation.fitting import UnsuitableError
from probes.suite.suite import load_suite
from tests.audit.commands.test_mitigate import folder as folder_of_embeddings

folder = folder_of_embeddings


class Keeps(AnswerMethod):
    """Leaves the scores as they are, and keeps what it was fitted on."""

    name = "keeps"

    def __init__(self) -> None:
        self.seen: list[AnswerData] = []

    def fit(self, data: AnswerData) -> Classifier:
        self.seen.append(data)
        return lambda images: images.scores


class Refuses(Keeps):
    name = "refuses"

    def fit(self, data: AnswerData) -> Classifier:
        raise UnsuitableError("not today", remedy="wait")


def embedded(folder: Path) -> Embedded:
    dataset = load_dataset(f"embeddings:{folder / 'e.npz'}")
    model = model_for(dataset, None, device="cpu", told={})
    return embed_suite(
        load_suite(str(folder / "suite.yaml")), model, dataset, store=EmbeddingStore(folder / "c")
    )


def test_unchanged_scores_give_the_records_of_the_model(folder: Path) -> None:
    whole, method = embedded(folder), Keeps()
    found = answer(whole, method, "gender")
    (records,) = found.records
    plain = whole.ask(whole.half(fit=False))
    assert records.outcomes is not None and plain.outcomes is not None
    keys = ["image", "outcome", "outcome_bits"]
    first, second = (
        table[keys].sort_values(keys[:2]).to_numpy() for table in (records.outcomes, plain.outcomes)
    )
    assert (first == second).all() and len(first) == 100
    assert records.manifest["model"]["name"] == "e with keeps"


def test_what_a_method_is_fitted_on(folder: Path) -> None:
    whole, method = embedded(folder), Keeps()
    answer(whole, method, "gender")
    (data,) = method.seen
    half = whole.half(fit=True)
    assert data.words == [("doctor", "doctor"), ("nurse", "nurse")] and data.has_truth
    assert (data.truth == (half.values("job") == "nurse").to_numpy()).all()
    assert (data.images.groups == (half.values("gender") == "Male").to_numpy()).all()
    rows = [half.texts.rows[word] for word in ("doctor", "nurse")]
    assert np.allclose(data.images.scores, 100 * half.embeddings @ half.texts.vectors[rows].T, atol=1e-4)
    # The only outcome is a misclassification: it happens to whatever class is not the truth.
    assert (data.events[0].argmin(axis=1) == data.truth).all()


def test_a_method_without_groups_gets_none_and_one_that_suits_nothing_says_so(folder: Path) -> None:
    whole, method = embedded(folder), Keeps()
    answer(whole, method)
    assert (method.seen[0].images.groups == -1).all() and method.seen[0].levels == []
    with pytest.raises(UnsuitableError, match="job: not today"):
        answer(whole, Refuses(), "gender")


def test_scores_that_choose() -> None:
    assert one_hot(np.array([1, 0]), 3).tolist() == [[0, 1, 0], [1, 0, 0]]
