"""Checkpoints read: what every format says of itself, and damage of every kind."""

from __future__ import annotations

import dataclasses
import json
import os
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from clipmodel.checkpoints.checkpoint import Checkpoint
from clipmodel.checkpoints.read import read_checkpoint
from clipmodel.checkpoints.weight_names import from_ours
from clipmodel.checkpoints.write import write_checkpoint
from clipmodel.errors import UserError
from clipmodel.inputs.tokenizer import BPETokenizer
from tests.clipmodel.support.small_models import RESNET, VIT, checkpoint_of, random_clip


def _same(one: Checkpoint, other: Checkpoint) -> bool:
    return (
        one.config == other.config
        # The pipeline is that of the format a model was read from.
        and dataclasses.replace(one.preprocess, pipeline=other.preprocess.pipeline) == other.preprocess
        and one.tokenizer.fingerprint == other.tokenizer.fingerprint
        and one.weights.keys() == other.weights.keys()
        and all(torch.equal(one.weights[name], tensor) for name, tensor in other.weights.items())
    )


def _open_clip_weights(config: Any = VIT) -> dict[str, torch.Tensor]:
    return from_ours(random_clip(config).state_dict(), "openai")


@pytest.mark.parametrize("prefix", ["module.", "text.", "module.text."])
def test_open_clips_prefixes_are_taken_off(prefix: str, tmp_path: Path) -> None:
    text = set(_open_clip_weights()) - {"logit_scale"}
    custom = {
        ("text." if "text." in prefix and not name.startswith("visual.") and name in text else "")
        + name: tensor
        for name, tensor in _open_clip_weights().items()
    }
    if prefix.startswith("module."):
        custom = {f"module.{name}": tensor for name, tensor in custom.items()}
    torch.save({"epoch": 3, "name": "run", "state_dict": custom, "optimizer": {"step": 1}}, tmp_path / "m.pt")
    back = read_checkpoint(tmp_path / "m.pt", activation="quick_gelu", preprocess="clip")
    assert _same(back, dataclasses.replace(checkpoint_of(random_clip(VIT)), format="open_clip"))


def test_the_activation_is_asked_for_and_never_overruled(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_file(_open_clip_weights(), path)
    with pytest.raises(UserError, match="does not say which activation") as caught:
        read_checkpoint(path)
    assert "--activation" in str(caught.value.remedy)
    assert read_checkpoint(path, activation="gelu", preprocess="clip").config.activation == "gelu"
    write_checkpoint(checkpoint_of(random_clip(VIT)), tmp_path / "m.pt", to="openai")
    with pytest.raises(UserError, match="activation is quick_gelu, not gelu"):
        read_checkpoint(tmp_path / "m.pt", activation="gelu")


def test_openais_sizes_must_be_those_of_the_weights(tmp_path: Path) -> None:
    write_checkpoint(checkpoint_of(random_clip(RESNET)), tmp_path / "m.pt", to="openai")
    weights = torch.load(tmp_path / "m.pt")
    # As OpenAI's archives have them.
    weights |= {"input_resolution": torch.tensor(224), "context_length": torch.tensor(16)}
    weights["vocab_size"] = torch.tensor(49408)
    torch.save(weights, tmp_path / "m.pt")
    with pytest.raises(UserError, match="input_resolution is 224, the weights have 64"):
        read_checkpoint(tmp_path / "m.pt")


class _Code:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch executed",)


def _pickle_with_code(path: Path) -> None:
    torch.save({"state_dict": _Code()}, path)


def _truncated_pt(path: Path) -> None:
    torch.save(_open_clip_weights(), path)
    path.write_bytes(path.read_bytes()[:-5000])


def _not_weights(path: Path) -> None:
    path.write_text("no checkpoint at all")


def _list(path: Path) -> None:
    torch.save([torch.zeros(1)], path)


def _string_among_tensors(path: Path) -> None:
    torch.save({"state_dict": {"logit_scale": "2.66"}}, path)


def _optimizer_alone(path: Path) -> None:
    torch.save(OrderedDict({"exp_avg": torch.zeros(3)}), path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_pickle_with_code, r"m\.pt: refused, it holds .*system"),
        (_truncated_pt, r"m\.pt: "),
        (_not_weights, r"m\.pt: refused, it is damaged"),
        (_list, r"m\.pt: no state dict in it"),
        (_string_among_tensors, r"'logit_scale' is no tensor"),
        (_optimizer_alone, r"m\.pt lacks text_projection"),
    ],
)
def test_bad_torch_files_are_refused(
    make: Callable[[Path], None], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "m.pt")
    with pytest.raises(UserError, match=message):
        read_checkpoint(tmp_path / "m.pt", activation="gelu")
    assert not (tmp_path / "executed").exists()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """A fresh transformers folder for each call."""
    checkpoint = checkpoint_of(random_clip(VIT))

    def make() -> Path:
        path = tmp_path_factory.mktemp("folder")
        write_checkpoint(checkpoint, path, to="transformers")
        return path

    return make


def _edit(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def _no_config(path: Path) -> None:
    (path / "config.json").unlink()


def _no_weights(path: Path) -> None:
    (path / "model.safetensors").unlink()


def _truncated(path: Path) -> None:
    weights = path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def _other_type(path: Path) -> None:
    _edit(path / "config.json", model_type="bert")


def _other_activation(path: Path) -> None:
    config = path / "config.json"
    _edit(config, text_config={**json.loads(config.read_text())["text_config"], "hidden_act": "mish"})


def _damaged_config(path: Path) -> None:
    (path / "config.json").write_text("{")


def _other_vocabulary(path: Path) -> None:
    tokenizer = BPETokenizer.train(["some words"] * 3, vocab_size=300, context_length=16)
    tokenizer.save(path / "tokenizer.json")


def _missing_shard(path: Path) -> None:
    names = list(load_file(path / "model.safetensors"))
    (path / "model.safetensors").unlink()
    index = {"weight_map": dict.fromkeys(names, "model-00001-of-00002.safetensors")}
    (path / "model.safetensors.index.json").write_text(json.dumps(index))


def _no_crop(path: Path) -> None:
    _edit(path / "preprocessor_config.json", do_center_crop=False)


def _no_preprocessing(path: Path) -> None:
    (path / "preprocessor_config.json").unlink()


def _other_size(path: Path) -> None:
    _edit(path / "preprocessor_config.json", crop_size={"height": 32, "width": 32})


def _listed_activation(path: Path) -> None:
    _edit(path / "config.json", text_config={"hidden_act": ["gelu"]})


def _listed_sizes(path: Path) -> None:
    _edit(path / "preprocessor_config.json", crop_size={"height": [64], "width": 64})


def _not_normalised(path: Path) -> None:
    _edit(path / "preprocessor_config.json", do_normalize=False)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_no_config, "no config.json"),
        (_no_weights, "no model.safetensors"),
        (_truncated, "model.safetensors: "),
        (_other_type, "model_type is 'bert', expected 'clip'"),
        (_other_activation, "hidden_act is 'mish'"),
        (_damaged_config, "config.json: "),
        (_other_vocabulary, r"the tokenizer has \d+ tokens, the model 49408"),
        (_missing_shard, "its part model-00001-of-00002.safetensors is missing"),
        (_no_crop, "without a centre crop images have no common size"),
        (_no_preprocessing, "says how images are preprocessed"),
        (_other_size, "images end at 32 pixels, the model takes 64"),
        (_not_normalised, "do_normalize is false"),
        (_listed_activation, "hidden_act is "),
        (_listed_sizes, "images end at"),
    ],
)
def test_bad_folders_are_refused(
    damage: Callable[[Path], None], message: str, folder: Callable[[], Path]
) -> None:
    path = folder()
    damage(path)
    with pytest.raises(UserError, match=message):
        read_checkpoint(path)


def test_a_part_of_a_folder_is_refused_with_the_remedy(folder: Callable[[], Path]) -> None:
    with pytest.raises(UserError, match="a part of a transformers folder"):
        read_checkpoint(folder() / "model.safetensors", activation="gelu")


def test_an_unknown_vocabulary_size_without_files_has_no_tokenizer(tmp_path: Path) -> None:
    small = dataclasses.replace(VIT, text=dataclasses.replace(VIT.text, vocab_size=300))
    torch.save(_open_clip_weights(small), tmp_path / "m.pt")
    with pytest.raises(UserError, match="no tokenizer for a vocabulary of 300 tokens"):
        read_checkpoint(tmp_path / "m.pt", activation="gelu", preprocess="clip")
