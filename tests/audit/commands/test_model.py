"""`clip-audit model convert` and what `model show` says of the result."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from clipmodel.loading import load_model
from tests.audit.commands.conftest import Invoke
from tests.clipmodel.support.small_models import STEM, VIT, checkpoint_of, random_clip


@pytest.fixture
def model(tmp_path: Path) -> Path:
    from clipmodel.checkpoints.write import write_checkpoint

    write_checkpoint(checkpoint_of(random_clip(VIT)), tmp_path / "native", to="native")
    return tmp_path / "native"


def test_convert_through_all_formats_and_back_keeps_the_fingerprint(
    invoke: Invoke, model: Path, tmp_path: Path
) -> None:
    steps = [("openai", "a.pt"), ("open_clip", "b.safetensors"), ("transformers", "c"), ("native", "d")]
    source = model
    for to, name in steps:
        result = invoke("model", "convert", source, tmp_path / name, "--to", to)
        assert result.exit_code == 0, result.stderr
        assert f"-> {to}" in result.stdout
        source = tmp_path / name
    shown = invoke("model", "show", tmp_path / "d")
    assert load_model(model).fingerprint in shown.stdout
    assert "quick_gelu" in shown.stdout


def test_an_unstated_activation_is_asked_for(invoke: Invoke, model: Path, tmp_path: Path) -> None:
    assert invoke("model", "convert", model, tmp_path / "m.pt", "--to", "open_clip").exit_code == 0
    weights = torch.load(tmp_path / "m.pt")["state_dict"]
    torch.save(weights, tmp_path / "plain.pt")
    refused = invoke("model", "convert", tmp_path / "plain.pt", tmp_path / "n", "--to", "native")
    assert refused.exit_code == 2
    assert "plain.pt does not say which activation" in refused.stderr
    assert "--activation" in refused.stderr
    options = ("--to", "native", "--activation", "quick_gelu")
    refused = invoke("model", "convert", tmp_path / "plain.pt", tmp_path / "n", *options)
    assert refused.exit_code == 2
    assert "does not say how images were preprocessed" in refused.stderr
    assert "--preprocess clip" in refused.stderr
    options += ("--preprocess", "clip")
    assert invoke("model", "convert", tmp_path / "plain.pt", tmp_path / "n", *options).exit_code == 0
    assert load_model(tmp_path / "n").fingerprint == load_model(model).fingerprint


def test_what_a_format_cannot_hold_is_refused(invoke: Invoke, tmp_path: Path) -> None:
    from clipmodel.checkpoints.write import write_checkpoint

    write_checkpoint(checkpoint_of(random_clip(STEM)), tmp_path / "stem", to="native")
    result = invoke("model", "convert", tmp_path / "stem", tmp_path / "m.pt", "--to", "openai")
    assert result.exit_code == 2
    assert "no place for a convolutional stem" in result.stderr
    assert not (tmp_path / "m.pt").exists()
    assert invoke("model", "convert", tmp_path / "stem", tmp_path / "m", "--to", "onnx").exit_code == 2


def test_an_unknown_source_lists_what_there_is(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("model", "convert", "nothing", tmp_path / "m", "--to", "native")
    assert result.exit_code == 2
    assert "unknown model 'nothing'" in result.stderr
    assert "hf:NAME" in result.stderr


def test_a_model_of_ones_own_is_named_by_its_factory(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Path(__file__).parents[3] / "examples" / "own_model.py"
    (tmp_path / "my_colours.py").write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", sys.path.copy())
    shown = invoke("model", "show", "my_colours:ColourModel")
    assert shown.exit_code == 0, shown.stderr
    assert "colour words" in shown.stdout and "3 dimensions" in shown.stdout
    absent = invoke("model", "show", "my_colours:absent")
    assert absent.exit_code == 2 and "has no absent" in absent.stderr


def test_the_moving_average_is_taken_on_request(invoke: Invoke, model: Path, tmp_path: Path) -> None:
    assert invoke("model", "convert", model, tmp_path / "m.pt", "--to", "open_clip").exit_code == 0
    content = torch.load(tmp_path / "m.pt")
    average = {name: value * 0.5 for name, value in content["state_dict"].items()}
    torch.save({**content, "state_dict_ema": average}, tmp_path / "both.pt")
    plain, ema = (
        invoke("model", "show", tmp_path / "both.pt", *options) for options in ((), ("--weights", "ema"))
    )
    assert plain.exit_code == ema.exit_code == 0
    assert load_model(model).fingerprint in plain.stdout
    assert load_model(model).fingerprint not in ema.stdout
