"""OpenAI's TorchScript archives, made here by torch itself, read without torch.jit."""

from __future__ import annotations

import io
import pickle
import warnings
import zipfile
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from clipmodel.checkpoints.read import read_checkpoint
from clipmodel.checkpoints.torchscript import is_torchscript, read_torchscript
from clipmodel.checkpoints.weight_names import from_ours
from clipmodel.errors import UserError
from tests.clipmodel.support.small_models import KINDS, VIT, random_clip


class _Tree(nn.Module):
    """Modules nested by the names of a state dict, as the original model's are."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        super().__init__()
        self.note = torch.ones(2)  # neither parameter nor buffer: no weight
        heads = dict.fromkeys(name.split(".")[0] for name in weights)
        for head in heads:
            below = {n.removeprefix(f"{head}."): t for n, t in weights.items() if n.startswith(f"{head}.")}
            if below:
                self.add_module(head, _Tree(below))
            elif weights[head].is_floating_point():
                self.register_parameter(head, nn.Parameter(weights[head]))
            else:
                self.register_buffer(head, weights[head])

    def forward(self, x: Tensor) -> Tensor:
        return x + self.note.sum()


def _archive(weights: dict[str, Tensor], path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(_Tree(weights)).save(str(path))


@pytest.mark.parametrize("kind", ["vit", "resnet"])
def test_an_archive_gives_the_weights_that_torch_jit_would(kind: str, tmp_path: Path) -> None:
    clip = random_clip(KINDS[kind])
    clip.set_precision("fp16")  # as OpenAI published them
    sizes = {"input_resolution": 64, "context_length": 16, "vocab_size": 49408}
    weights = from_ours(clip.state_dict(), "openai")
    weights |= {name: torch.tensor(size) for name, size in sizes.items()}
    path = tmp_path / "model.pt"
    _archive(weights, path)
    found = read_torchscript(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        expected = torch.jit.load(str(path)).state_dict()
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor), name
    checkpoint = read_checkpoint(path)
    assert checkpoint.format == "openai"
    assert checkpoint.config == KINDS[kind]  # quick_gelu, which such archives need not say


def test_wrong_sizes_in_an_archive_are_refused(tmp_path: Path) -> None:
    weights = from_ours(random_clip(VIT).state_dict(), "openai")
    _archive({**weights, "vocab_size": torch.tensor(49409)}, tmp_path / "m.pt")
    with pytest.raises(UserError, match="vocab_size is 49409, the weights have 49408"):
        read_checkpoint(tmp_path / "m.pt")


def _rewritten(path: Path, name: str, content: bytes | None) -> Path:
    """The archive with one entry replaced, or left out."""
    other = path.with_name("other.pt")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(other, "w") as new:
        for entry in old.namelist():
            if not entry.endswith(name):
                new.writestr(entry, old.read(entry))
            elif content is not None:
                new.writestr(entry, content)
    return other


class _Code:
    def __reduce__(self) -> tuple[object, ...]:
        return exec, ("raise SystemExit('executed')",)


def test_code_in_the_pickle_is_refused(tmp_path: Path) -> None:
    _archive({"logit_scale": torch.tensor(1.0)}, tmp_path / "m.pt")
    content = io.BytesIO()
    pickle.dump(_Code(), content, protocol=2)
    path = _rewritten(tmp_path / "m.pt", "data.pkl", content.getvalue())
    with pytest.raises(UserError, match=r"refused, .*exec is no part of a model's weights"):
        read_checkpoint(path)


def test_a_missing_or_short_storage_is_damage(tmp_path: Path) -> None:
    _archive({"logit_scale": torch.ones(8)}, tmp_path / "m.pt")
    for content in (None, b"1234"):
        path = _rewritten(tmp_path / "m.pt", "/data/0", content)
        with pytest.raises(UserError, match="damaged archive"):
            read_checkpoint(path)


def test_other_files_are_no_torchscript(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(1)}, tmp_path / "m.pt")
    assert not is_torchscript(tmp_path / "m.pt")
    (tmp_path / "text").write_text("text")
    assert not is_torchscript(tmp_path / "text")
