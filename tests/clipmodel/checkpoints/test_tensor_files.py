from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from clipmodel.checkpoints import tensor_files
from clipmodel.checkpoints.tensor_files import (
    load_tensors_only,
    open_folder,
    open_safetensors,
    read_json,
    read_json_list,
    require_tensors,
)
from clipmodel.errors import UserError

WEIGHTS = {"a": torch.arange(6.0).view(2, 3), "b": torch.ones(1, dtype=torch.float16)}


def test_safetensors_give_shapes_first_and_tensors_when_asked(tmp_path: Path) -> None:
    save_file(WEIGHTS, tmp_path / "m.safetensors", metadata={"activation": "gelu"})
    source, metadata = open_safetensors(tmp_path / "m.safetensors")
    assert (source.shapes, metadata) == ({"a": (2, 3), "b": (1,)}, {"activation": "gelu"})
    read = source.read("a")
    save_file({"a": torch.zeros(2, 3), "b": WEIGHTS["b"]}, tmp_path / "m.safetensors")
    assert torch.equal(read, WEIGHTS["a"])  # a copy: the file may change


def test_a_header_longer_than_any_models_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.safetensors").write_bytes((2**40).to_bytes(8, "little") + b"{}")
    with pytest.raises(UserError, match="a header of"):
        open_safetensors(tmp_path / "m.safetensors")


@pytest.mark.parametrize("old", [False, True])
def test_torch_files_of_both_formats(tmp_path: Path, old: bool) -> None:
    torch.save(WEIGHTS, tmp_path / "m.pt", _use_new_zipfile_serialization=not old)
    assert torch.equal(load_tensors_only(tmp_path / "m.pt")["a"], WEIGHTS["a"])


def test_a_folder_in_one_file_and_in_shards_is_the_same(tmp_path: Path) -> None:
    save_file(WEIGHTS, tmp_path / "model.safetensors")
    whole = open_folder(tmp_path)
    shards = tmp_path / "shards"
    shards.mkdir()
    places = {"a": "one.safetensors", "b": "two.safetensors"}
    for name, file in places.items():
        save_file({name: WEIGHTS[name]}, shards / file)
    index = shards / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": places}))
    split = open_folder(shards)
    assert split.shapes == whole.shapes and torch.equal(split.read("a"), whole.read("a"))
    index.write_text(json.dumps({"weight_map": places | {"c": "two.safetensors"}}))
    with pytest.raises(UserError, match="no c, which"):
        open_folder(shards)
    index.write_text(json.dumps({"weight_map": places | {"c": "three.safetensors"}}))
    with pytest.raises(UserError, match=r"its part three\.safetensors is missing"):
        open_folder(shards)
    index.write_text("{}")
    with pytest.raises(UserError, match="no weight_map"):
        open_folder(shards)
    with pytest.raises(UserError, match="no open_clip_model"):
        open_folder(tmp_path, prefix="open_clip_")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "no state dict"),
        ([torch.zeros(1)], "no state dict"),
        ({"a": 1.0}, "'a' is no tensor"),
        ({3: torch.zeros(1)}, "3 is no tensor"),
        ({"a": torch.zeros(1).expand(10)}, "does not hold that much"),
        ({"a": torch.zeros(2, 2).to_sparse()}, "does not hold that much"),
    ],
)
def test_what_is_no_mapping_of_names_to_whole_tensors(values: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        require_tensors(values, where="m.pt")
    assert require_tensors(WEIGHTS, where="m.pt") is WEIGHTS


def test_json_is_of_its_kind_and_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"a": 1}')
    assert read_json(path) == {"a": 1}
    with pytest.raises(UserError, match="expected a JSON list"):
        read_json_list(path)
    path.write_text("[1, 2]")
    assert read_json_list(path) == [1, 2]
    for content, message in (("[" * 100_000, "too deep"), ("[]", "a JSON object"), ("{", "config.json")):
        path.write_text(content)
        with pytest.raises(UserError, match=message):
            read_json(path)
    monkeypatch.setattr(tensor_files, "MAX_JSON_BYTES", 0)
    with pytest.raises(UserError, match="more than 0 bytes"):
        read_json(path)
