"""Recall at k against a naive count over every order of ties, and by hand."""

from __future__ import annotations

from itertools import pairwise, permutations

import numpy as np
import pytest
import torch
from torch import Tensor

from clipmodel.evaluation.retrieval import DIRECTIONS, retrieval


def _naive(similarity: np.ndarray, belongs: np.ndarray, k: int) -> float:
    """Mean over queries, and over all orders of the candidates that respect their similarity."""
    shares = []
    for scores, own in zip(similarity, belongs, strict=True):
        if not own.any():
            continue
        orders = [
            order
            for order in permutations(range(len(scores)))
            if all(scores[a] >= scores[b] for a, b in pairwise(order))
        ]
        shares.append(np.mean([own[list(order[:k])].any() for order in orders]))
    return float(np.mean(shares))


def _grid(n: int, generator: torch.Generator) -> Tensor:
    """Vectors of -1, 0 and 1, so that similarities are exact and often equal."""
    return torch.randint(-1, 2, (n, 2), generator=generator).float()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_it_is_the_mean_over_all_orders_of_ties(seed: int, chunk: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    images, texts = _grid(5, generator), _grid(6, generator)
    belongs = torch.rand(5, 6, generator=generator) < 0.3
    belongs[2] = False  # an image without any text asks nothing
    found = retrieval(images, texts, belongs.nonzero(), ks=(1, 2, 4), chunk=chunk)
    similarity = (images @ texts.T).numpy()
    for row in found.itertuples():
        first = row.direction == DIRECTIONS[0]
        scores, own = (similarity, belongs.numpy()) if first else (similarity.T, belongs.numpy().T)
        assert row.recall == pytest.approx(_naive(scores, own, row.k)), row
        assert row.queries == own.any(axis=1).sum()
        assert row.candidates == scores.shape[1]


def test_several_captions_an_image_by_hand() -> None:
    images = torch.eye(2)
    # Two captions each; the second one of the second image lies nearer to the first image.
    texts = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [0.9, 0.1]])
    pairs = torch.tensor([[0, 0], [0, 1], [1, 2], [1, 3]])
    found = retrieval(images, texts, pairs, ks=(1, 2)).set_index(["direction", "k"])["recall"]
    assert found["image to text", 1] == 1  # one caption of either image is first
    assert found["text to image", 1] == 0.75  # the fourth text finds the wrong image
    assert found["text to image", 2] == 1


def test_a_model_that_embeds_everything_alike_only_guesses() -> None:
    images, texts = torch.ones(20, 3), torch.ones(20, 3)
    own = torch.arange(20).repeat(2, 1).T
    found = retrieval(images, texts, own).set_index(["direction", "k"])["recall"]
    for direction in DIRECTIONS:
        assert found[direction, 1] == pytest.approx(1 / 20)
        assert found[direction, 10] == pytest.approx(10 / 20)
    # Two of twenty belong: missed at 5 with C(18, 5) / C(20, 5) = (15 x 14) / (20 x 19).
    both = torch.cat([own, torch.stack([torch.arange(20), (torch.arange(20) + 1) % 20], dim=1)])
    found = retrieval(images, texts, both, ks=(5,)).set_index(["direction", "k"])["recall"]
    assert found["image to text", 5] == pytest.approx(1 - 210 / 380)


def test_pairs_named_twice_count_once_and_more_than_all_is_all() -> None:
    images, texts = torch.eye(3), torch.eye(3)
    own = torch.arange(3).repeat(2, 1).T
    once, twice = retrieval(images, texts, own), retrieval(images, texts, torch.cat([own, own]))
    assert once.equals(twice)
    assert (once["recall"] == 1).all()  # k of 5 and 10 are more than there are


def test_without_pairs_there_is_no_recall() -> None:
    found = retrieval(torch.eye(2), torch.eye(2), torch.empty(0, 2, dtype=torch.long))
    assert found["recall"].isna().all()
    assert (found["queries"] == 0).all()


@pytest.mark.parametrize(
    ("images", "texts", "pairs", "ks", "message"),
    [
        (torch.eye(2), torch.eye(3), torch.zeros(1, 2, dtype=torch.long), (1,), r"must be \[N, D\]"),
        (torch.eye(2), torch.eye(2), torch.zeros(1, 2), (1,), "must be integers"),
        (torch.eye(2), torch.eye(2), torch.tensor([[0, 2]]), (1,), "not there"),
        (torch.eye(2), torch.eye(2), torch.tensor([[0, 1]]), (0,), "at least 1"),
    ],
)
def test_what_does_not_fit_is_refused(
    images: Tensor, texts: Tensor, pairs: Tensor, ks: tuple[int, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        retrieval(images, texts, pairs, ks=ks)
