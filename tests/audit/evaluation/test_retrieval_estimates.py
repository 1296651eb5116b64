"""Recall with intervals against CLIP_benchmark's, and the paired effect of a prompt."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from audit.evaluation.retrieval_estimates import Queries, prompt_effect, query_table, retrieval_metrics
from clipmodel.evaluation.retrieval import QueryOutcomes, outcomes_of_arrays
from tests.support.peers import peer_or_skip

KS = (1, 5, 10)
PAIRS = np.array([(image, 3 * image + k) for image in range(30) for k in range(3)])


def embeddings(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    found = [rng.normal(size=(n, 6)).astype(np.float32) for n in (30, 90)]
    return tuple(rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in found)  # type: ignore[return-value]


def queries(outcomes: dict[str, QueryOutcomes]) -> dict[str, Queries]:
    return {
        direction: Queries(
            ids=[str(query) for query in one.queries], found=one.found, rank=one.rank,
            clusters=[str(query if direction == "image to text" else query // 3) for query in one.queries],
        )
        for direction, one in outcomes.items()
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_recalls_equal_clip_benchmarks(seed: int) -> None:
    peer = peer_or_skip("clip_benchmark.metrics.zeroshot_retrieval")
    images, texts = embeddings(seed)
    found = retrieval_metrics(queries(outcomes_of_arrays(images, texts, PAIRS, ks=KS)), KS, seed=0)
    scores = torch.from_numpy(texts) @ torch.from_numpy(images).T
    positive = torch.zeros(90, 30, dtype=torch.bool)
    positive[PAIRS[:, 1], PAIRS[:, 0]] = True
    for k in KS:
        text_query = (peer.recall_at_k(scores, positive, k) > 0).float().mean().item()
        image_query = (peer.recall_at_k(scores.T, positive.T, k) > 0).float().mean().item()
        assert found[f"image_retrieval_recall@{k}"].value == pytest.approx(text_query, abs=1e-6)
        assert found[f"text_retrieval_recall@{k}"].value == pytest.approx(image_query, abs=1e-6)
    mean = (found["image_retrieval_recall@1"].value + found["text_retrieval_recall@1"].value) / 2
    assert found["mean_recall@1"].value == pytest.approx(mean)


def test_ties_give_the_mean_of_clip_benchmarks_recall_over_random_orders() -> None:
    peer = peer_or_skip("clip_benchmark.metrics.zeroshot_retrieval")
    rng = np.random.default_rng(0)
    images, texts = (
        np.eye(6, dtype=np.float32)[rng.integers(0, 6, 30)],
        np.eye(6, dtype=np.float32)[rng.integers(0, 6, 90)],
    )
    ours = retrieval_metrics(queries(outcomes_of_arrays(images, texts, PAIRS, ks=(1,))), (1,), seed=0)
    positive = torch.zeros(90, 30, dtype=torch.bool)
    positive[PAIRS[:, 1], PAIRS[:, 0]] = True
    scores, recalls = torch.from_numpy(texts @ images.T), []
    for _ in range(400):
        order = torch.from_numpy(rng.permutation(30))
        recalls.append((peer.recall_at_k(scores[:, order], positive[:, order], 1) > 0).float().mean().item())
    error = np.std(recalls) / 20
    assert ours["image_retrieval_recall@1"].value == pytest.approx(np.mean(recalls), abs=4 * error)


def test_ranks_are_those_of_a_sort() -> None:
    images, texts = embeddings(1)
    outcomes = outcomes_of_arrays(images, texts, PAIRS, ks=KS)
    scores = texts @ images.T
    naive = [1 + (scores[text] > scores[text, image]).sum() for image, text in PAIRS]
    assert outcomes["text to image"].rank.tolist() == naive
    best = [1 + (scores[:, i] > scores[3 * i : 3 * i + 3, i].max()).sum() for i in range(30)]
    assert outcomes["image to text"].rank.tolist() == best
    found = retrieval_metrics(queries(outcomes), KS, seed=0)
    assert found["image_retrieval_median_rank"].value == np.median(naive)
    assert found["text_retrieval_mean_rank"].value == np.mean(best)


def test_a_prompt_is_judged_query_by_query() -> None:
    def side(found: list[float]) -> dict[str, Queries]:
        n = len(found)
        ids = [str(i) for i in range(n)]
        return {"image to text": Queries(ids=ids, found=np.array([found]), rank=np.ones(n), clusters=ids)}

    table = prompt_effect(side([1, 1, 0, 0]), side([1, 1, 1, 0]), (1,), prompt="a photo of")
    assert table[["without", "with_prompt", "difference", "n"]].to_numpy().tolist() == [[0.5, 0.75, 0.25, 4]]
    assert table["p"].tolist() == [1.0] and table["low"][0] < 0.25 < table["high"][0]
    rows = query_table(side([1, 0]), (1,))
    assert rows["id"].tolist() == ["image to text: 0", "image to text: 1"] and rows["recall@1"].tolist() == [
        1,
        0,
    ]
