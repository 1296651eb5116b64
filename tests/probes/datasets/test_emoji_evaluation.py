from __future__ import annotations

import numpy as np
import pytest

from clipmodel.errors import UserError
from probes.datasets.emoji_evaluation import NAMES, emoji_set


def test_the_classes_of_both_splits_are_the_same_and_no_image_is_in_both() -> None:
    seen, shift, train = emoji_set("emoji"), emoji_set("emoji-held-out"), emoji_set("emoji", split="train")
    assert seen.classes == shift.classes and len(seen.classes) == 11
    assert not set(seen.images.ids) & (set(shift.images.ids) | set(train.images.ids))
    assert seen.truth is not None and seen.truth.min() >= 0
    assert seen.metadata is not None and shift.metadata is not None
    assert not set(seen.metadata["design_family"]) & set(shift.metadata["design_family"])


def test_for_retrieval_each_image_has_its_name() -> None:
    found, classes = emoji_set("emoji-names"), emoji_set("emoji")
    assert found.pairs is not None and found.clusters is not None
    assert (found.pairs[:, 0] == np.arange(len(found))).all()
    assert len(found) == len(classes) and len(set(found.captions)) == len(found.captions)
    assert found.images.read_bytes(0) == classes.images.read_bytes(0)
    # Recolourings of a drawing share a cluster.
    assert len(set(found.clusters)) < len(found)


@pytest.mark.parametrize(
    ("name", "split"), [("emojis", "test"), ("emoji-held-out", "train"), ("emoji", "validation")]
)
def test_what_is_not_there_lists_what_is(name: str, split: str) -> None:
    with pytest.raises(UserError, match="no set") as caught:
        emoji_set(name, split=split)
    assert all(one in str(caught.value.remedy) for one in NAMES)
