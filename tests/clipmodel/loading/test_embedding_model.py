from __future__ import annotations

from pathlib import Path

import pytest
import torch

from clipmodel.architecture.clip import CLIP
from clipmodel.loading import embedding_model, load_model
from clipmodel.loading.embedding_model import LEAST_BATCH, LoadedModel, images_at_once, weights_hash
from tests.clipmodel.loading.protocol import require_protocol
from tests.clipmodel.support.small_models import SIGMOID, VIT, checkpoint_of, random_clip


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    checkpoint = checkpoint_of(random_clip(VIT))
    return LoadedModel("small", checkpoint.build(), checkpoint.tokenizer, checkpoint.preprocess)


def test_a_loaded_clip_keeps_the_protocol(model: LoadedModel) -> None:
    require_protocol(model)
    assert model.logit_bias is None and model.embed_dim == 24


def test_bits_do_not_depend_on_the_batch(model: LoadedModel) -> None:
    pixels = torch.randn(LEAST_BATCH + 3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    whole = model.encode_image(pixels)
    for n in (1, 2, LEAST_BATCH):
        assert torch.equal(model.encode_image(pixels[:n]), whole[:n])
    assert model.encode_image(pixels[:0]).shape == (0, 24)


def test_large_batches_are_computed_in_parts_of_the_same_bits(
    model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = torch.randn(2 * LEAST_BATCH + 3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    whole = model.encode_image(pixels)
    assert images_at_once(model.clip) > len(pixels)
    monkeypatch.setattr(embedding_model, "CACHED_BYTES", 0)
    assert images_at_once(model.clip) == LEAST_BATCH
    sizes: list[int] = []
    encode = CLIP.encode_image
    monkeypatch.setattr(
        CLIP, "encode_image", lambda clip, part: sizes.append(len(part)) or encode(clip, part)
    )
    assert torch.equal(model.encode_image(pixels), whole)
    assert sizes == [LEAST_BATCH] * 3  # the last three images are filled up


def test_texts_that_do_not_fit_are_cut(model: LoadedModel) -> None:
    long = " ".join(["word"] * 50)
    assert model.encode_text([long, "a"]).shape == (2, 24)


def test_saved_and_loaded_it_is_the_same_model(tmp_path: Path) -> None:
    checkpoint = checkpoint_of(random_clip(SIGMOID))
    model = LoadedModel("small", checkpoint.build(), checkpoint.tokenizer, checkpoint.preprocess)
    model.save(tmp_path / "m")
    again = load_model(tmp_path / "m")
    assert again.fingerprint == model.fingerprint and again.logit_bias == model.logit_bias is not None


def test_the_hash_is_of_names_shapes_types_and_bytes() -> None:
    weights = {"a": torch.arange(4.0), "b": torch.zeros(2)}
    found = weights_hash(weights, "x", "y")
    assert found == weights_hash(dict(reversed(weights.items())), "x", "y")
    others = [
        weights_hash({"a": torch.arange(4.0).view(2, 2), "b": torch.zeros(2)}, "x", "y"),
        weights_hash({"c": torch.arange(4.0), "b": torch.zeros(2)}, "x", "y"),
        weights_hash({"a": torch.arange(4.0), "b": -torch.zeros(2)}, "x", "y"),  # -0 has other bytes
        weights_hash(weights, "x", "z"),
    ]
    assert len({found, *others}) == 5
