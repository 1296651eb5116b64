"""A mitigation is a value: saved, loaded, the same; words are inserted where a reader would."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from clipmodel.errors import UserError
from probes.mitigation.fitting import FitData
from probes.mitigation.method_registry import METHODS
from probes.mitigation.transform import Mitigation, insert_word, unit


# Prompt arrays need a text tower: tests/probes/mitigation/methods/test_prompt_array.py saves and loads one.
@pytest.mark.parametrize("name", [name for name in METHODS if name != "prompt_array"])
def test_every_method_survives_its_file(name: str, data: FitData, tmp_path: Path) -> None:
    fitted = METHODS[name]().fit(data)
    fitted.save(tmp_path / f"{name}.safetensors")
    loaded = Mitigation.load(tmp_path / f"{name}.safetensors")
    assert (loaded.method, loaded.attribute, loaded.fingerprint) == (name, "gender", fitted.fingerprint)
    np.testing.assert_array_equal(loaded.images(data.images), fitted.images(data.images))
    np.testing.assert_array_equal(
        loaded.texts(data.texts, data.text_vectors, data.encode),
        fitted.texts(data.texts, data.text_vectors, data.encode),
    )
    lengths = np.linalg.norm(fitted.images(data.images), axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-5)
    assert f"method: {name}" in (tmp_path / f"{name}.yaml").read_text()


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(b"not weights")
    for path in (tmp_path / "x.safetensors", tmp_path / "none.safetensors"):
        with pytest.raises(UserError, match="safetensors"):
            Mitigation.load(path)


@pytest.mark.parametrize(
    ("text", "word", "wanted"),
    [
        ("a photo of a doctor", "female", "a photo of a female doctor"),
        ("a photo of an artist", "male", "a photo of a male artist"),
        ("a photo of the judge", "older", "a photo of the older judge"),
        ("a photo of a nurse", "Asian", "a photo of an Asian nurse"),
        ("doctor", "male", "male doctor"),
    ],
)
def test_words_go_before_the_noun(text: str, word: str, wanted: str) -> None:
    assert insert_word(text, word) == wanted


def test_zero_stays_zero() -> None:
    np.testing.assert_array_equal(unit(np.zeros((1, 3))), np.zeros((1, 3)))
