"""Configurations fail when they are built, with the field's name; JSON gives them back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from clipmodel.config import NAMED_CONFIGS, CLIPConfig, ResNetConfig, TextConfig, ViTConfig


@pytest.mark.parametrize("name", NAMED_CONFIGS)
def test_named_configs_survive_json(name: str) -> None:
    config = NAMED_CONFIGS[name]
    assert CLIPConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_a_stem_survives_json_and_shrinks_the_patch() -> None:
    vision = ViTConfig(image_size=64, patch_size=16, width=8, layers=1, heads=1, stem_channels=(4, 8, 8))
    assert vision.patch_stride == 2  # 16 / 2^3
    config = replace(NAMED_CONFIGS["ViT-B/32"], vision=vision)
    assert CLIPConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_another_mlp_width_survives_json_and_the_papers_is_left_out() -> None:
    plain = NAMED_CONFIGS["ViT-B/32"]
    assert "mlp_width" not in json.dumps(plain.to_dict())
    text = replace(plain.text, mlp_width=100)
    config = replace(plain, text=text)
    assert CLIPConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    with pytest.raises(ValueError, match="mlp_width must be at least 1"):
        replace(text, mlp_width=0)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ViTConfig(image_size=60, patch_size=16, width=8, layers=1, heads=1), "image_size 60"),
        (lambda: ViTConfig(image_size=64, patch_size=16, width=10, layers=1, heads=4), "width 10"),
        (
            lambda: ViTConfig(image_size=36, patch_size=6, width=8, layers=1, heads=1, stem_channels=(4, 4)),
            "patch_size 6",
        ),
        (lambda: TextConfig(context_length=0, vocab_size=9, width=8, layers=1, heads=1), "context_length"),
        (lambda: ResNetConfig(image_size=100, width=8, layers=(1, 1, 1, 1), heads=4), "image_size 100"),
        (lambda: replace(NAMED_CONFIGS["RN50"], activation="swish"), "activation"),
    ],
)
def test_impossible_values(build: object, message: str) -> None:
    assert callable(build)
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": None}, "lacks the key 'text'"),
        ({"vision": {"kind": "mlp"}}, "vision.kind"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_from_dict_names_what_is_wrong(change: dict[str, object], message: str) -> None:
    values = {**NAMED_CONFIGS["ViT-B/32"].to_dict(), **change}
    with pytest.raises(ValueError, match=message):
        CLIPConfig.from_dict({key: value for key, value in values.items() if value is not None})
