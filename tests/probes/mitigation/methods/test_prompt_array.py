"""Prompt arrays on the bundled model: the loss by hand, what training does, and the file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from clipmodel import load_model
from probes.mitigation.apply import MitigatedModel
from probes.mitigation.fitting import FitData, UnsuitableError
from probes.mitigation.methods.prompt_array import PromptArray, adversarial_loss
from probes.mitigation.text_encoder import TextEncoder
from probes.mitigation.transform import Mitigation, unit

TEXTS = ["a cook", "a judge", "a pilot", "a teacher", "a singer", "a student", "a man"]


@pytest.fixture(scope="module")
def data() -> FitData:
    """400 images near the texts of women and men of three occupations."""
    encode = TextEncoder(load_model("tiny"))
    rng = np.random.default_rng(0)
    names = [f"a {sex} {job}" for sex in ("man", "woman") for job in ("cook", "judge", "pilot")]
    kind = np.arange(400) % 6
    vectors = encode(names).astype(float)[kind]
    images = unit(vectors + 0.05 * rng.standard_normal(vectors.shape))
    return FitData(
        attribute="gender", images=images, codes=kind // 3, levels=["man", "woman"],
        words={"man": ("man",), "woman": ("woman",)}, texts=TEXTS, text_vectors=encode(TEXTS).astype(float),
        encode=encode, captions=[names[k] for k in kind],
    )  # fmt: skip


def test_the_loss_is_the_contrastive_one_less_the_adversarys_cross_entropy() -> None:
    guesses, codes = torch.tensor([[2.0, 0.0], [1.0, 1.0]]), torch.tensor([0, 1])
    # -log(e^2 / (e^2 + 1)) and -log(1/2), halved.
    entropy = (np.log(1 + np.exp(-2)) + np.log(2)) / 2
    found = adversarial_loss(torch.tensor(1.5), guesses, codes, weight=0.3)
    assert float(found) == pytest.approx(1.5 - 0.3 * entropy)


def test_similarities_tell_less_of_the_group_afterwards(data: FitData) -> None:
    fitted = PromptArray(batch=96).fit(replace(data, captions=None))
    assert fitted.prefix is not None and fitted.prefix.shape == (2, 128)
    neutral, vectors = TEXTS[:-1], data.text_vectors[:-1]
    changed = fitted.texts(neutral, vectors, data.encode).astype(float)
    read = [
        LogisticRegression(C=100.0, max_iter=500).fit(x, data.codes).score(x, data.codes)
        for x in (data.images @ vectors.T, data.images @ changed.T)
    ]
    assert read[0] > 0.95 and read[1] < 0.85
    # The texts keep most of what they mean.
    assert (changed * vectors).sum(axis=1).mean() > 0.6


def test_captions_take_the_place_of_the_texts_in_the_contrastive_loss(data: FitData) -> None:
    fitted = PromptArray(steps=8, batch=16).fit(data)
    assert fitted.parameters["captions"] is True
    assert fitted.fingerprint != PromptArray(steps=8, batch=16).fit(replace(data, captions=None)).fingerprint


def test_it_is_saved_loaded_and_put_before_the_texts_of_a_model(data: FitData, tmp_path: Path) -> None:
    fitted = PromptArray(steps=6, batch=32).fit(data)
    again = PromptArray(steps=6, batch=32).fit(data)
    assert fitted.fingerprint == again.fingerprint
    fitted.save(tmp_path / "prompt_array.safetensors")
    loaded = Mitigation.load(tmp_path / "prompt_array.safetensors")
    assert loaded.fingerprint == fitted.fingerprint and loaded.size is None
    model = load_model("tiny")
    changed = MitigatedModel(model, loaded)
    wanted = TextEncoder(model).prefixed(["a cook"], loaded.prefix)  # type: ignore[arg-type]
    np.testing.assert_allclose(changed.encode_text(["a cook"]).numpy(), wanted, atol=1e-6)
    assert changed.name == "tiny with prompt_array" and changed.embed_dim == model.embed_dim


def test_what_it_cannot_be_fitted_to(data: FitData) -> None:
    with pytest.raises(UnsuitableError, match="text tower"):
        PromptArray().fit(replace(data, encode=lambda texts: np.ones((len(texts), 128), np.float32)))
    few = replace(data, texts=["a man", "a cook"], text_vectors=data.text_vectors[[6, 0]])
    with pytest.raises(UnsuitableError, match="two texts that name no group"):
        PromptArray().fit(few)
