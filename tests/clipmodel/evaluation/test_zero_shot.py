"""The zero-shot head with a model whose embeddings are known by hand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from PIL import Image
from torch import Tensor

from clipmodel.evaluation.zero_shot import (
    TextCache,
    class_embeddings,
    class_probabilities,
    fill_templates,
    imagenet_templates,
)


class TwoAxes:
    """Texts that begin with "x" lie on the first axis, others on the second."""

    name, embed_dim = "two axes", 2
    fingerprint = preprocess_id = "two axes"

    def __init__(self, logit_scale: float = 1.0, logit_bias: float | None = None) -> None:
        self.logit_scale, self.logit_bias = logit_scale, logit_bias
        self.seen: list[str] = []

    def preprocess(self, image: Image.Image) -> Tensor:
        return torch.zeros(3, image.height, image.width)

    def encode_image(self, pixels: Tensor) -> Tensor:
        return torch.tensor([[1.0, 0.0]]).expand(len(pixels), 2)

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        self.seen += texts
        return torch.tensor([[1.0, 0.0] if text.startswith("x") else [0.0, 1.0] for text in texts])


def test_prompts_are_ensembled_as_unit_vectors() -> None:
    # Two on the first axis and one on the second: the mean (2, 1) / 3, renormalised (2, 1) / sqrt(5).
    classes = class_embeddings(TwoAxes(), [["x", "x", "y"], ["y"]])
    assert torch.allclose(classes, torch.tensor([[2 / 5**0.5, 1 / 5**0.5], [0.0, 1.0]]))


def test_probabilities_are_a_softmax_by_class() -> None:
    images = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    scale = torch.log(torch.tensor(3.0)).item()  # e^scale = 3: odds of 3 to 1
    expected = torch.tensor([[0.75, 0.25], [0.25, 0.75]])
    assert torch.allclose(class_probabilities(TwoAxes(scale), images, torch.eye(2)), expected)


def test_a_logit_bias_makes_each_class_its_own_sigmoid() -> None:
    images = torch.tensor([[1.0, 0.0]])
    model = TwoAxes(logit_scale=2.0, logit_bias=-2.0)
    # sigmoid(2 * 1 - 2) = 0.5; sigmoid(2 * 0 - 2) = 1 / (1 + e^2).
    expected = torch.tensor([[0.5, 1 / (1 + torch.e**2)]])
    assert torch.allclose(class_probabilities(model, images, torch.eye(2)), expected)


def test_a_cache_embeds_each_text_once_and_changes_nothing() -> None:
    model = TwoAxes()
    cache = TextCache(model)
    prompts = [["x", "y"], ["y", "x", "y"]]
    first = class_embeddings(model, prompts, cache=cache)
    again = class_embeddings(model, [*prompts, ["x2"]], cache=cache)
    assert model.seen == ["x", "y", "x2"]
    assert torch.equal(first, class_embeddings(TwoAxes(), prompts))
    assert torch.equal(again[:2], first)


@pytest.mark.parametrize("prompts", [[], [["x"], []]])
def test_a_class_without_prompts_is_refused(prompts: list[list[str]]) -> None:
    with pytest.raises(ValueError, match="every class needs at least one prompt"):
        class_embeddings(TwoAxes(), prompts)


def test_templates_are_filled_with_the_name_as_it_is() -> None:
    filled = fill_templates(["{odd}", "dog"], ["a {}.", "the {}"])
    assert filled == [["a {odd}.", "the {odd}"], ["a dog.", "the dog"]]


@pytest.mark.parametrize("template", ["a photo", "{} and {}"])
def test_a_template_without_one_place_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"needs \{\} once"):
        fill_templates(["dog"], ["{}", template])


def test_the_shipped_templates_are_the_papers() -> None:
    templates = imagenet_templates()
    assert {name: len(set(texts)) for name, texts in templates.items()} == {
        "photo": 1,
        "seven": 7,
        "eighty": 80,
    }
    assert set(templates["photo"] + templates["seven"]) <= set(templates["eighty"])
    assert all(fill_templates(["dog"], texts) for texts in templates.values())
