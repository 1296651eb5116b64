from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from clipmodel.checkpoints import NotClipError
from clipmodel.checkpoints.transformers_config import (
    config_from_transformers,
    config_to_transformers,
    preprocess_to_transformers,
    read_preprocess,
)
from clipmodel.config import ViTConfig
from clipmodel.errors import UserError
from clipmodel.inputs.preprocess import CLIP_MEAN, Preprocess
from tests.clipmodel.support.small_models import VIT, WIDE


@pytest.mark.parametrize("config", [VIT, WIDE], ids=["vit", "wide"])
def test_a_configuration_written_and_read_is_the_same(config: Any) -> None:
    values = config_to_transformers(config)
    assert config_from_transformers(values, where="config.json") == config
    assert values["text_config"]["eos_token_id"] == 49407
    tanh = dataclasses.replace(config, activation="gelu_tanh")
    assert config_to_transformers(tanh)["text_config"]["hidden_act"] == "gelu_pytorch_tanh"
    assert config_from_transformers(config_to_transformers(tanh), where="x") == tanh


def test_what_is_left_out_means_transformers_defaults_that_of_vit_b_32() -> None:
    config = config_from_transformers({}, where="config.json")
    vision, text = config.vision, config.text
    assert isinstance(vision, ViTConfig)
    assert (vision.width, vision.layers, vision.heads, vision.patch_size) == (768, 12, 12, 32)
    assert (text.width, text.vocab_size, text.context_length, config.embed_dim) == (512, 49408, 77, 512)


def test_the_older_repeated_section_wins_and_towers_may_differ() -> None:
    values = {
        "vision_config": {"patch_size": 32, "hidden_act": "gelu"},
        "vision_config_dict": {"patch_size": 16},
    }
    config = config_from_transformers(values, where="config.json")
    assert isinstance(config.vision, ViTConfig)
    assert (config.vision.patch_size, config.vision.activation, config.activation) == (
        16,
        "gelu",
        "quick_gelu",
    )


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"text_config": {"hidden_act": "mish"}}, NotClipError, "hidden_act is 'mish'"),
        ({"text_config": {"eos_token_id": 7}}, NotClipError, "expected 49407"),
        ({"vision_config": [1]}, UserError, "vision_config must be a JSON object"),
        ({"text_config": {"vocab_size": "many"}}, UserError, "vocab_size must be a whole number"),
        ({"vision_config": {"num_hidden_layers": 0}}, UserError, "config.json"),
    ],
)
def test_values_of_no_clip_are_refused(values: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        config_from_transformers(values, where="config.json")


@pytest.mark.parametrize(
    "preprocess",
    [
        Preprocess(image_size=64, pipeline="transformers"),
        Preprocess(image_size=64, resize_mode="squash", interpolation="bilinear", pipeline="transformers"),
        Preprocess(image_size=64, resize_size=72, mean=(0.5, 0.5, 0.5), pipeline="transformers"),
    ],
)
def test_preprocessing_written_and_read_is_the_same(preprocess: Preprocess, tmp_path: Path) -> None:
    values = preprocess_to_transformers(preprocess)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(values))
    assert read_preprocess(tmp_path, image_size=64) == preprocess
    (tmp_path / "preprocessor_config.json").unlink()  # transformers 5 has it within another file
    (tmp_path / "processor_config.json").write_text(json.dumps({"image_processor": values}))
    assert read_preprocess(tmp_path, image_size=64) == preprocess


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"do_resize": False}, "do_resize is false"),
        ({"crop_size": 32}, "images end at 32 pixels, the model takes 64"),
        ({"do_center_crop": False}, "without a centre crop"),
        ({"resample": 99}, "preprocessor_config.json"),
    ],
)
def test_steps_that_clip_does_not_have_are_refused(
    values: dict[str, Any], message: str, tmp_path: Path
) -> None:
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(values))
    with pytest.raises(UserError, match=message):
        read_preprocess(tmp_path, image_size=64)


def test_no_file_and_no_place(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="says how images are preprocessed"):
        read_preprocess(tmp_path, image_size=64)
    with pytest.raises(UserError, match="fills nothing up"):
        preprocess_to_transformers(Preprocess(image_size=64, resize_mode="longest"))
    (tmp_path / "preprocessor_config.json").write_text("{}")
    assert read_preprocess(tmp_path, image_size=64).mean == CLIP_MEAN
