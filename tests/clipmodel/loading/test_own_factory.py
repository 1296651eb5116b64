"""A model of one's own by module:factory, and what such a factory gives that is no model."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from clipmodel.errors import UserError
from clipmodel.loading import load_model
from clipmodel.loading.own_factory import is_factory

MODULE = """
import torch

class Model:
    name, embed_dim, fingerprint, preprocess_id = "mine", 3, "mine 1", "mean colour"
    logit_scale, logit_bias = 100.0, None
    def __init__(self, device="cpu"):
        self.device = device
    def preprocess(self, image):
        return torch.zeros(3, 1, 1)
    def encode_image(self, pixels):
        return torch.nn.functional.normalize(torch.ones(len(pixels), 3), dim=-1)
    def encode_text(self, texts):
        return torch.nn.functional.normalize(torch.ones(len(texts), 3), dim=-1)

def make():
    return Model()

ready = Model("ready")
class Negative(Model):
    logit_scale = -1.0
class Unnamed(Model):
    fingerprint = ""
class NotWhole(Model):
    embed_dim = 3.0
def nothing():
    return object()
def fails():
    raise KeyError("in my own code")
def needs(weights, *, device):
    return Model(device)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module in the current folder, another one for each test."""
    name = f"mine_{abs(hash(str(tmp_path)))}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", sys.path.copy())
    return name


@pytest.mark.parametrize(("factory", "device"), [("make", "cpu"), ("Model", "cpu"), ("ready", "ready")])
def test_a_function_a_class_or_an_object(factory: str, device: str, module: str) -> None:
    model = load_model(f"{module}:{factory}")
    assert model.name == "mine"
    assert model.device == device  # type: ignore[attr-defined]
    assert model.encode_text(["a"]).shape == (1, 3)


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("nothing", "gives a object without name, embed_dim, fingerprint"),
        ("Negative", "logit_scale is -1.0, expected a number above 0"),
        ("Unnamed", "fingerprint must be a text"),
        ("NotWhole", "embed_dim is 3.0, expected a whole number"),
        ("absent", "has no absent"),
    ],
)
def test_what_is_no_model_is_refused(factory: str, message: str, module: str) -> None:
    with pytest.raises(UserError, match=message):
        load_model(f"{module}:{factory}")


def test_a_module_that_is_not_there_is_named_with_the_folder() -> None:
    with pytest.raises(UserError, match="no module 'no_such_module'") as caught:
        load_model("no_such_module:make")
    assert str(Path.cwd()) in str(caught.value.remedy)


def test_an_error_in_the_users_code_keeps_its_traceback(module: str) -> None:
    with pytest.raises(KeyError, match="in my own code"):
        load_model(f"{module}:fails")


def test_names_of_other_kinds_are_no_factories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a:b").mkdir()
    assert is_factory("package.module:Class.make")
    for other in ("a:b", "tiny", "hf:org/name", "runs/a:b", "open_clip:ViT-B-32/openai", "c:\\models"):
        assert not is_factory(other)


@pytest.mark.parametrize("what", ["needs", "Model.encode_text"])
def test_a_factory_that_needs_arguments_is_named(what: str, module: str) -> None:
    with pytest.raises(
        UserError, match=f"{module}:{what} cannot be called without arguments: missing a required"
    ):
        load_model(f"{module}:{what}")


@pytest.mark.parametrize("what", ["os:system", "json:loads"])
def test_a_function_that_makes_no_model_is_a_mistake_of_the_user(what: str) -> None:
    with pytest.raises(UserError, match=f"{what} cannot be called without arguments"):
        load_model(what)
