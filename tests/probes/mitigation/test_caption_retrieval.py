"""Captions found first, by hand on four images."""

from __future__ import annotations

import numpy as np
import pytest

from clipmodel.errors import UserError
from probes.mitigation.caption_retrieval import IMAGE_TO_TEXT, TEXT_TO_IMAGE, Captions, captions_of
from tests.probes.datasets.test_demographic_dataset import Small, small

EYE = np.eye(3, dtype=np.float32)
CLUSTERS = np.array([7, 7, 8, 9])


def worded(*words: str | None) -> Small:
    n = len(words)
    frame = {"image_id": [f"{i}" for i in range(n)], "person": ["p"] * n, "age": ["3-9"] * n}
    return small({**frame, "words": list(words)})


@pytest.fixture
def captions() -> Captions:
    # Images 0 and 1 (one person) have caption 0, image 2 caption 1, image 3 none; caption 2 is nobody's.
    return Captions(texts=("a", "b", "c"), vectors=EYE, of_image=np.array([0, 0, 1, -1]))


def test_recall_of_both_directions_with_their_clusters(captions: Captions) -> None:
    # Image 1 looks like caption 1; image 2 is nearest to its own. Caption 0 finds image 0, caption 1 image 1
    # or 2, which are as near: half.
    images = EYE[[0, 1, 1, 2]]
    found = captions.found(images, captions.vectors, CLUSTERS)
    assert found[IMAGE_TO_TEXT].found.tolist() == [1, 0, 1]
    assert found[IMAGE_TO_TEXT].cluster.tolist() == [7, 7, 8]
    assert found[TEXT_TO_IMAGE].found.tolist() == pytest.approx([1, 0.5])
    assert found[TEXT_TO_IMAGE].cluster.tolist() == [7, 8]


def test_some_of_the_images_have_their_own_captions_only(captions: Captions) -> None:
    half = captions.of(np.array([False, True, False, True]))
    assert half.texts == ("a",) and half.of_image.tolist() == [0, -1]
    np.testing.assert_array_equal(half.vectors, EYE[:1])


def test_a_caption_of_several_clusters_is_its_own(captions: Captions) -> None:
    shared = Captions(texts=("a", "b"), vectors=EYE[:2], of_image=np.array([0, 0, 0, 1]))
    found = shared.found(EYE[[0, 0, 0, 1]], EYE[:2], CLUSTERS)
    assert found[TEXT_TO_IMAGE].cluster.tolist() == [10, 9]


def test_captions_come_from_a_column() -> None:
    dataset = worded("a dog", None, " ", "a cat")
    texts, of_image = captions_of(dataset, "words")
    assert texts == ("a cat", "a dog") and of_image.tolist() == [1, -1, -1, 0]
    with pytest.raises(UserError, match="no column 'caption'"):
        captions_of(dataset, "caption")
    with pytest.raises(UserError, match="1 different captions"):
        captions_of(worded("a dog", None), "words")
