"""Damaged weights of every format, their configurations and vocabularies."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.fuzz.damage import Case, changed, damaged
from clipmodel.architecture.clip import CLIP
from clipmodel.checkpoints import Format
from clipmodel.checkpoints.checkpoint import Checkpoint
from clipmodel.checkpoints.read import CLIP_VOCABULARY, read_checkpoint
from clipmodel.checkpoints.weight_names import from_ours
from clipmodel.checkpoints.write import write_checkpoint
from clipmodel.config import CLIPConfig, TextConfig, ViTConfig
from clipmodel.inputs.preprocess import Preprocess
from clipmodel.inputs.tokenizer import BPETokenizer

WIDTH, EMBED = 64, 8  # one head of 64, the width from which heads are inferred
ARCHIVES = ("torch.pt", "legacy.pt", "script.pt", "training.pt")
SHAPES: tuple[Any, ...] = ((), (0,), (1,), (WIDTH,), (WIDTH, EMBED), (2, 3, 4), (1, 1, 1, 1, 1, 1, 1, 1, 1))


def checkpoint_case() -> Case:
    """Read a damaged checkpoint of a small model whole, weights included.

    Of a folder one file is damaged: configuration, vocabulary, preprocessing or weights, its bytes or its
    values. Of a file of `torch.save` (both layouts, and a training checkpoint with EMA weights) bytes or
    tensors; of a TorchScript archive bytes of the pickle, of the classes or of the whole.
    """
    seeds = tempfile.TemporaryDirectory(prefix="fuzz-checkpoints-")
    places, whole = _written_seeds(Path(seeds.name))

    def run(rng: np.random.Generator, folder: Path, _kept: object = seeds) -> None:
        name = list(places)[int(rng.integers(0, len(places)))]
        target = folder / name
        if places[name].is_dir():
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(places[name], target)
            files = sorted(target.iterdir())
            _damage_file(files[int(rng.integers(0, len(files)))], rng)
        elif name == "torch.pt" and rng.random() < 0.5:
            torch.save(_odd_tensors(whole, rng), target)
        elif name == "script.pt" and rng.random() < 0.7:
            target.write_bytes(_damaged_entry(places[name].read_bytes(), rng))
        else:
            target.write_bytes(damaged(places[name].read_bytes(), rng))
        weights = "ema" if rng.random() < 0.2 else None
        read_checkpoint(target, activation="gelu", preprocess="clip", weights=weights)

    return run


class _Tree(nn.Module):
    """Modules nested by the names of a state dict, for TorchScript to save."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        super().__init__()
        for head in dict.fromkeys(name.split(".")[0] for name in weights):
            below = {name.removeprefix(f"{head}."): one for name, one in weights.items() if "." in name}
            below = {name: one for name, one in below.items() if f"{head}.{name}" in weights}
            if below:
                self.add_module(head, _Tree(below))
            else:
                self.register_buffer(head, weights[head])

    def forward(self, x: Tensor) -> Tensor:
        return x


def _written_seeds(folder: Path) -> tuple[dict[str, Path], dict[str, Tensor]]:
    """Two folders and four files, by name; and weights with CLIP's vocabulary, in OpenAI's layout."""
    captions = ["a man", "a woman", "a photo of a person"]
    tokenizer = BPETokenizer.train(captions, vocab_size=300, context_length=8)
    checkpoint = Checkpoint(
        format="native", config=_config(tokenizer.vocab_size), weights=_weights(tokenizer.vocab_size),
        tokenizer=tokenizer, preprocess=Preprocess(image_size=32),
    )  # fmt: skip
    folders: tuple[Format, ...] = ("native", "transformers")
    for name in folders:
        write_checkpoint(checkpoint, folder / name, to=name)
    state = from_ours(checkpoint.weights, "openai")
    torch.save(state, folder / "torch.pt")
    torch.save(state, folder / "legacy.pt", _use_new_zipfile_serialization=False)
    both = {"state_dict": {f"module.{name}": one for name, one in state.items()}, "epoch": 3, "ema": state}
    torch.save(both, folder / "training.pt")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(_Tree(state)).save(str(folder / "script.pt"))
    whole = {name: one.half() for name, one in from_ours(_weights(CLIP_VOCABULARY), "openai").items()}
    return {name: folder / name for name in (*folders, *ARCHIVES)}, whole


def _config(vocab_size: int) -> CLIPConfig:
    return CLIPConfig(
        embed_dim=EMBED,
        vision=ViTConfig(image_size=32, patch_size=16, width=WIDTH, layers=1, heads=1),
        text=TextConfig(context_length=8, vocab_size=vocab_size, width=WIDTH, layers=1, heads=1),
        activation="gelu",
    )


def _weights(vocab_size: int) -> dict[str, Tensor]:
    torch.manual_seed(0)
    return dict(CLIP(_config(vocab_size)).state_dict())


def _damage_file(file: Path, rng: np.random.Generator) -> None:
    """Bytes of a file, or values of its JSON; of weights mostly the header."""
    content = file.read_bytes()
    if file.suffix == ".json" and rng.random() < 0.7:
        file.write_text(json.dumps(changed(json.loads(content), rng)), encoding="utf-8")
        return
    length = 8 + int.from_bytes(content[:8], "little")
    if file.suffix == ".safetensors" and rng.random() < 0.5:
        header = json.dumps(changed(json.loads(content[8:length]), rng)).encode()
        file.write_bytes(len(header).to_bytes(8, "little") + header + content[length:])
    elif file.suffix == ".safetensors":
        file.write_bytes(damaged(content[:length], rng) + content[length:])
    else:
        file.write_bytes(damaged(content, rng))


def _odd_tensors(state: dict[str, Tensor], rng: np.random.Generator) -> dict[Any, Any]:
    """Weights of which one to three have other names, shapes, types, values or layouts."""
    state = dict(state)
    for _ in range(int(rng.integers(1, 4))):
        name = list(state)[int(rng.integers(0, len(state)))]
        made = _odd_tensor(state[name], rng)
        where = int(rng.integers(0, 6))
        if where == 0:
            del state[name]
        else:
            state[name if where > 1 else f"{name}.{where}"] = made
    return state


def _odd_tensor(tensor: Tensor, rng: np.random.Generator) -> Any:
    if not isinstance(tensor, Tensor) or tensor.layout != torch.strided:
        return None
    match int(rng.integers(0, 11)):
        case 0:
            return torch.zeros(SHAPES[int(rng.integers(0, len(SHAPES)))])
        case 1:
            return tensor.double()
        case 2:
            return tensor.to(torch.complex64)
        case 3:
            return tensor.int()
        case 4:
            return torch.full_like(tensor, float("nan"))
        case 5 if tensor.ndim:
            return tensor[:1].clone()
        case 6 if tensor.ndim == 2:
            return tensor.T
        case 7 if tensor.ndim:
            return tensor.to_sparse()
        case 8:
            return torch.zeros(1, dtype=tensor.dtype).expand(tensor.shape or (5,))
        case 9:
            return torch.tensor(float(rng.choice([-1.0, 1e9, 0.0, 200.0])))
        case _:
            return "a word"


def _damaged_entry(content: bytes, rng: np.random.Generator) -> bytes:
    """A zip archive, sound but for the bytes of one of its entries."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        names = [name for name in old.namelist() if name.endswith((".pkl", ".py")) or "/data/" in name]
        weights = np.array([20.0 if name.endswith("data.pkl") else 1.0 for name in names])
        chosen = names[int(rng.choice(len(names), p=weights / weights.sum()))]
        for name in old.namelist():
            entry = old.read(name)
            new.writestr(name, damaged(entry, rng) if name == chosen else entry)
    return buffer.getvalue()
