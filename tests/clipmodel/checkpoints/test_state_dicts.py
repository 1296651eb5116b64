"""Training checkpoints with two sets of weights, and names that wrappers have put something before."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from clipmodel.checkpoints.read import read_checkpoint
from clipmodel.checkpoints.state_dicts import choose_state_dict, noted_state_dict, state_dict_note
from clipmodel.checkpoints.weight_names import from_ours
from clipmodel.errors import UserError
from tests.clipmodel.support.small_models import VIT, random_clip


def _weights(seed: int = 0) -> dict[str, Tensor]:
    return from_ours(random_clip(VIT, seed=seed).state_dict(), "openai")


def _read(path: Path, **told: Any) -> dict[str, Tensor]:
    return read_checkpoint(path, activation="quick_gelu", preprocess="clip", **told).weights


def _same(found: dict[str, Tensor], seed: int = 0) -> bool:
    return all(
        torch.equal(found[name], value) for name, value in random_clip(VIT, seed=seed).state_dict().items()
    )


@pytest.mark.parametrize("plain", ["state_dict", "model", "model_state_dict"])
@pytest.mark.parametrize("ema", ["state_dict_ema", "model_ema", "ema"])
def test_the_moving_average_is_named_and_taken_on_request(plain: str, ema: str, tmp_path: Path) -> None:
    torch.save({"epoch": 3, plain: _weights(0), ema: _weights(1)}, tmp_path / "m.pt")
    with pytest.warns(UserWarning, match="holds EMA weights beside the plain ones"):
        assert _same(_read(tmp_path / "m.pt"), seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert _same(_read(tmp_path / "m.pt", weights="plain"), seed=0)
        assert _same(_read(tmp_path / "m.pt", weights="ema"), seed=1)


def test_weights_of_a_kind_that_is_not_there(tmp_path: Path) -> None:
    torch.save({"state_dict": _weights()}, tmp_path / "plain.pt")
    torch.save({"model_ema": _weights()}, tmp_path / "ema.pt")
    with pytest.raises(UserError, match="no EMA weights in it"):
        _read(tmp_path / "plain.pt", weights="ema")
    with pytest.raises(UserError, match="holds EMA weights alone") as caught:
        _read(tmp_path / "ema.pt")
    assert "--weights ema" in str(caught.value.remedy)
    assert _same(_read(tmp_path / "ema.pt", weights="ema"))


@pytest.mark.parametrize(
    "prefix", ["module.", "_orig_mod.", "module._orig_mod.", "model.", "module.clip_model."]
)
def test_prefixes_of_wrappers_are_taken_off(prefix: str, tmp_path: Path) -> None:
    torch.save({f"{prefix}{name}": value for name, value in _weights().items()}, tmp_path / "m.pt")
    assert _same(_read(tmp_path / "m.pt"))


def test_wrappers_of_parts_are_taken_off(tmp_path: Path) -> None:
    """torch.compile and FSDP of single blocks put their names in the middle."""
    wrapped = {name.replace("resblocks.0.", "resblocks.0._orig_mod."): v for name, v in _weights().items()}
    wrapped = {name.replace("visual.", "visual._fsdp_wrapped_module."): v for name, v in wrapped.items()}
    torch.save(wrapped, tmp_path / "m.pt")
    assert _same(_read(tmp_path / "m.pt"))


def test_an_unknown_prefix_is_named(tmp_path: Path) -> None:
    torch.save({f"trainer.student.{name}": value for name, value in _weights().items()}, tmp_path / "m.pt")
    with pytest.raises(UserError, match=r"trainer\.student\."):
        _read(tmp_path / "m.pt")


def test_names_that_become_one_are_refused(tmp_path: Path) -> None:
    weights = _weights()
    weights["visual._orig_mod.proj"] = weights["visual.proj"]
    torch.save(weights, tmp_path / "m.pt")
    with pytest.raises(UserError, match=r"are both visual\.proj"):
        _read(tmp_path / "m.pt")


def test_a_note_travels_with_a_state_dict_and_harms_no_reader(tmp_path: Path) -> None:
    module = torch.nn.Linear(2, 2)
    torch.save(noted_state_dict(module.state_dict(), "openai"), tmp_path / "m.pt")
    back = torch.load(tmp_path / "m.pt", weights_only=True)
    assert state_dict_note(back) == "openai"
    assert torch.nn.Linear(2, 2).load_state_dict(back).missing_keys == []
    assert state_dict_note({"a": 1}) is None and state_dict_note([1]) is None


def test_a_bare_state_dict_is_itself() -> None:
    bare = {"logit_scale": torch.tensor(1.0)}
    assert choose_state_dict(bare, None, where="m.pt") == (bare, None)
