"""Zero-shot outcomes against CLIP_benchmark and against loops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from clipmodel.evaluation.zero_shot_outcomes import (
    ensembled,
    predict,
    rank_of,
    restricted,
    template_embeddings,
    template_outcomes,
)
from tests.support.peers import peer_or_skip

CLASSES = [("cat",), ("dog", "puppy"), ("fox",), ("hen",), ("ox",), ("pig",)]
TEMPLATES = ["a {}", "the {}", "{}!"]
RNG = np.random.default_rng(0)
IMAGES = torch.nn.functional.normalize(
    torch.from_numpy(RNG.normal(size=(50, 8)).astype(np.float32)), dim=1
).numpy()
TRUTH = RNG.integers(0, 6, 50)


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """A vector for each text, the same every time."""
    rows = [np.random.default_rng(list(text.encode())).normal(size=8) for text in texts]
    return torch.nn.functional.normalize(torch.tensor(np.array(rows), dtype=torch.float32), dim=1).numpy()


def blocks() -> Iterator[tuple[int, NDArray[np.float32]]]:
    for start in range(0, 50, 7):
        yield start, IMAGES[start : start + 7]


def class_vector(names: Sequence[str], templates: Sequence[str]) -> torch.Tensor:
    """The renormalised mean over all prompts, written out."""
    prompts = [template.replace("{}", name) for template in templates for name in names]
    return torch.nn.functional.normalize(torch.from_numpy(embed(prompts)).mean(dim=0), dim=0)


def test_an_ensemble_is_the_renormalised_mean_of_all_prompts() -> None:
    made = ensembled(template_embeddings(embed, CLASSES, TEMPLATES))
    expected = torch.stack([class_vector(names, TEMPLATES) for names in CLASSES])
    assert torch.allclose(made, expected, atol=1e-6)


@pytest.mark.parametrize("tied", [False, True])
def test_predictions_equal_clip_benchmarks(tied: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = peer_or_skip("clip_benchmark.metrics.zeroshot_classification")
    # It calls float() on an array of one number, which NumPy no longer allows.
    monkeypatch.setattr(peer, "float", lambda array: array.item(), raising=False)
    classes = ensembled(template_embeddings(embed, CLASSES, TEMPLATES))
    if tied:
        classes[4] = classes[1]  # two classes that no image can tell apart
    found = predict(blocks, classes, TRUTH, keep_scores=True)
    logits = torch.cat([100.0 * torch.from_numpy(block) @ classes.T for _, block in blocks()])
    acc1, acc5 = peer.accuracy(logits, torch.from_numpy(TRUTH), topk=(1, 5))
    assert found.predicted.tolist() == logits.argmax(dim=1).tolist()
    assert found.in_top5.mean() == pytest.approx(acc5, abs=1e-6)
    if not tied:  # of equal ones their top-1 is any, their argmax and ours the first
        assert (found.predicted == TRUTH).mean() == pytest.approx(acc1, abs=1e-6)
    assert found.scores is not None and np.allclose(100 * found.scores, logits, atol=1e-4)


def test_each_template_alone_and_left_out_is_what_a_loop_gives() -> None:
    by_template = template_embeddings(embed, CLASSES, TEMPLATES)
    bare = ensembled(template_embeddings(embed, CLASSES, ["{}"]))
    found = template_outcomes(blocks, by_template, bare, TRUTH, names=TEMPLATES, most=100, seed=0)

    def right(templates: Sequence[str]) -> NDArray[np.bool_]:
        classes = torch.stack([class_vector(names, templates) for names in CLASSES])
        return (torch.from_numpy(IMAGES) @ classes.T).argmax(dim=1).numpy() == TRUTH

    assert list(found.names[2:]) == TEMPLATES
    assert np.array_equal(found.right[0], right(TEMPLATES))
    assert np.array_equal(found.right[1], right(["{}"]))
    for t, template in enumerate(TEMPLATES):
        assert np.array_equal(found.right[2 + t], right([template]))
        assert np.array_equal(found.left_out[t], right([other for other in TEMPLATES if other != template]))


def test_of_many_images_a_seeded_sample_is_asked() -> None:
    by_template = template_embeddings(embed, CLASSES, TEMPLATES)
    bare = ensembled(template_embeddings(embed, CLASSES, ["{}"]))
    options = {"names": TEMPLATES, "seed": 1}
    whole = template_outcomes(blocks, by_template, bare, TRUTH, most=50, **options)  # type: ignore[arg-type]
    some = template_outcomes(blocks, by_template, bare, TRUTH, most=20, **options)  # type: ignore[arg-type]
    assert len(some.rows) == 20 and np.array_equal(some.right, whole.right[:, some.rows])


def test_few_classes_have_no_top_five_and_no_images_no_answer() -> None:
    classes = ensembled(template_embeddings(embed, CLASSES[:3], TEMPLATES))
    assert not predict(blocks, classes, TRUTH % 3).in_top5.any()
    assert len(predict(lambda: iter(()), classes, None).predicted) == 0


def test_merged_classes_take_the_highest_score() -> None:
    scores = torch.tensor([[0.1, 0.9, 0.3], [0.5, 0.2, 0.4]])
    assert restricted(scores, [[0, 2], [1]]).tolist() == [
        pytest.approx([0.3, 0.9]),
        pytest.approx([0.5, 0.2]),
    ]


def test_the_rank_of_a_class_is_that_of_a_stable_sort() -> None:
    generator = torch.Generator().manual_seed(3)
    scores = torch.randint(0, 6, (200, 12), generator=generator).float()  # many ties
    own = torch.randint(0, 12, (200,), generator=generator)
    order = torch.sort(scores, dim=1, descending=True, stable=True).indices
    expected = (order == own[:, None]).int().argmax(dim=1)
    assert (rank_of(scores.numpy(), own.numpy()) == expected.numpy()).all()


def test_merged_classes_are_predicted_by_their_best_part() -> None:
    # Classes 0 and 2 are one: its score is that of 2, which beats class 1.
    images = np.array([[0.0, 0.5, 0.9], [0.1, 0.9, 0.2]], dtype=np.float32)
    found = predict(
        lambda: [(0, images)], torch.eye(3), np.array([0, 1]), keep_scores=True, groups=[[0, 2], [1]]
    )
    assert found.predicted.tolist() == [0, 1] and found.scores is not None and found.scores.shape == (2, 2)
