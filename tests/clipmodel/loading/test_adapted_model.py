from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from clipmodel.errors import UserError
from clipmodel.loading.adapted_model import AdaptedModel, dtype_of, multiplier, probed_dim, scalar
from tests.clipmodel.loading.protocol import require_protocol


def transform(image: Image.Image) -> Tensor:
    return torch.tensor(image.convert("RGB").resize((1, 1)).getpixel((0, 0))).view(3, 1, 1) / 255


def texts(words: Sequence[str]) -> Tensor:
    return torch.tensor([[float(len(word)), 1.0, 2.0] for word in words])


def adapted(**changes: Any) -> AdaptedModel:
    module = nn.Linear(3, 3, bias=False)
    with torch.no_grad():
        module.weight.copy_(torch.eye(3))
    values = {
        "name": "colour", "module": module, "embed_dim": 3, "device": "cpu", "precision": "fp32",
        "preprocess_id": "mean", "tokenizer_id": "length", "logit_scale": 10.0, "logit_bias": None,
        "transform": transform, "text_features": texts,
        "image_features": lambda pixels: pixels.flatten(1) + 0.1,
    }  # fmt: skip
    return AdaptedModel(**{**values, **changes})


def test_it_keeps_the_protocol_and_normalises() -> None:
    require_protocol(adapted())
    assert adapted().encode_text([]).shape == (0, 3)


def test_small_batches_are_filled_up_and_cut_again() -> None:
    seen: list[int] = []

    def features(pixels: Tensor) -> Tensor:
        seen.append(len(pixels))
        return pixels.flatten(1) + 0.1

    model = adapted(image_features=features)
    assert model.encode_image(torch.rand(2, 3, 1, 1)).shape == (2, 3)
    assert model.encode_image(torch.rand(40, 3, 1, 1)).shape == (40, 3)
    assert seen == [16, 40]


def test_the_fingerprint_is_of_weights_temperature_and_tokenizer() -> None:
    changed = adapted()
    with torch.no_grad():
        changed.module.weight[0, 0] = 2  # type: ignore[index, operator]
    changes: list[dict[str, Any]] = [{}, {"logit_scale": 11.0}, {"tokenizer_id": "x"}, {"precision": "bf16"}]
    found = {changed.fingerprint, *(adapted(**change).fingerprint for change in changes)}
    assert len(found) == 5 and adapted().fingerprint in found


def test_scalars_and_multipliers() -> None:
    assert scalar(torch.tensor([[2.5]]), where="m", what="scale") == 2.5
    assert multiplier(4.0, where="m") == 4 and dtype_of("bf16") == torch.bfloat16
    for value, message in ((torch.ones(2), r"scale has shape \(2,\)"), (math.nan, "scale is nan")):
        with pytest.raises(UserError, match=message):
            scalar(value, where="m", what="scale")
    for wrong in (0.0, -1.0, math.inf):
        with pytest.raises(UserError, match="the logit scale is"):
            multiplier(wrong, where="m")


@pytest.mark.parametrize(
    ("image", "text", "message"),
    [
        (lambda p: p.flatten(1), lambda t: torch.zeros(len(t), 4), "images have 3 dimensions, texts 4"),
        (lambda p: p, texts, r"image tower gives \(1, 3, 1, 1\)"),
        (lambda p: p.flatten(1), lambda t: torch.zeros(1, 3), r"text tower gives \(1, 3\)"),
        (lambda p: p.flatten(1) * torch.nan, texts, "image tower gives NaN"),
        (lambda p: "text", texts, "image tower gives str"),
    ],
)
def test_towers_that_are_no_pair_are_refused(image: Callable, text: Callable, message: str) -> None:
    with pytest.raises(UserError, match=message):
        probed_dim(transform, image, text, where="m")
    assert probed_dim(transform, lambda p: p.flatten(1), texts, where="m") == 3
