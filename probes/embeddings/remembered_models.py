"""What the store remembers of a model, so that an audit whose embeddings are all stored need not load it.

The fingerprint under which embeddings are stored is over every weight, and to compute it the model is loaded,
and torch before it. So the first run notes fingerprint, preprocessing and logit scale under the SHA-256 of
the model's files, and a later one reads those few numbers; the model is loaded when something has to be
embedded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import clipmodel
from clipmodel.errors import UserError
from clipmodel.json_text import parse_json
from probes.embeddings.shard_files import write_bytes
from probes.embeddings.store import REMEMBERED, EmbeddingStore, file_mode

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from clipmodel.loading import EmbeddingModel

__all__ = ["RememberedModel", "load_or_remember"]

FACTS: dict[str, tuple[type, ...]] = {
    "embed_dim": (int,),
    "fingerprint": (str,),
    "preprocess_id": (str,),
    "logit_scale": (float,),
    "logit_bias": (float, type(None)),
}
"""What is noted of a model, and its types."""
MOST_BYTES = 4 << 30
"""Of a model's files; hashing more takes longer than loading the model does."""


class RememberedModel:
    """An `EmbeddingModel` of our own on the CPU, of which no weight is loaded before it embeds something.

    Parameters
    ----------
    name
        What reports call it.
    facts
        `FACTS` as they were noted.
    load
        Loads the model.
    """

    any_mode = True
    device = "cpu"

    def __init__(self, name: str, facts: Mapping[str, Any], load: Callable[[], EmbeddingModel]) -> None:
        self.name, self._load = name, load
        self.embed_dim: int = facts["embed_dim"]
        self.fingerprint: str = facts["fingerprint"]
        self.preprocess_id: str = facts["preprocess_id"]
        self.logit_scale: float = facts["logit_scale"]
        self.logit_bias: float | None = facts["logit_bias"]

    @cached_property
    def loaded(self) -> EmbeddingModel:
        """The model itself.

        Raises
        ------
        UserError
            It is not what was noted: its files changed after they were hashed.
        """
        model = self._load()
        # The files were hashed at the start of the run; they may have been exchanged before this point.
        if (model.fingerprint, model.preprocess_id) != (self.fingerprint, self.preprocess_id):
            raise UserError(f"the files of the model {self.name} changed", remedy="run the command again")
        return model

    def preprocess(self, image: Image.Image) -> Tensor:
        """A Pillow image -> float32 [3, H, W]."""
        return self.loaded.preprocess(image)

    def encode_image(self, pixels: Tensor) -> Tensor:
        """[N, 3, H, W] preprocessed pixels -> unit-norm [N, D], float32 on the CPU."""
        return self.loaded.encode_image(pixels)

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """C strings -> unit-norm [C, D], float32 on the CPU."""
        return self.loaded.encode_text(texts)


def load_or_remember(
    store: EmbeddingStore,
    name: str,
    path: Path,
    load: Callable[[], EmbeddingModel],
    *,
    told: Mapping[str, Any],
) -> EmbeddingModel:
    """A model as the store remembers it; otherwise the model itself, whose facts the store then notes.

    Parameters
    ----------
    store
        Remembers models in a folder next to its embeddings.
    name
        What reports call it.
    path
        The model's folder or file.
    load
        Loads it on the CPU.
    told
        Further arguments of `load_model`, on which the model depends.
    """
    key = _key(path, told)
    if key is None:
        return load()
    file = store.root / REMEMBERED / f"{key}.json"
    if (facts := _read(file)) is not None:
        return RememberedModel(name, facts, load)
    model = load()
    _note(file, model)
    return model


def _note(file: Path, model: EmbeddingModel) -> None:
    from clipmodel.loading import LoadedModel

    if type(model) is not LoadedModel:  # another library's: its files alone do not say what it computes
        return
    facts = {name: getattr(model, name) for name in FACTS}
    mode = file_mode()
    try:
        if not file.parent.is_dir():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.parent.chmod(mode | (mode & 0o444) >> 2)
        write_bytes(file, json.dumps(facts, indent=1, sort_keys=True).encode(), mode=mode)
    except OSError:
        return  # a store that can only be read; nothing is lost but time


def _read(file: Path) -> dict[str, Any] | None:
    try:
        facts = parse_json(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    # The cache may have been damaged or written by another version; then the model is loaded as usual.
    if not isinstance(facts, dict) or facts.keys() != FACTS.keys():
        return None
    return facts if all(isinstance(facts[name], kind) for name, kind in FACTS.items()) else None


def _key(path: Path, told: Mapping[str, Any]) -> str | None:
    """SHA-256 over the files, what was told and our version; None if they are too many bytes, or changing."""
    try:
        files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
        if not files or sum(each.stat().st_size for each in files) > MOST_BYTES:
            return None
        # With our version, since a later one may read the same files into other numbers.
        digest = hashlib.sha256(json.dumps([clipmodel.__version__, dict(told)], sort_keys=True).encode())
        for each in files:
            # File names count: two files of a folder that swap names are another model.
            digest.update(f"\0{each.relative_to(path)}\0{_file_hash(each)}".encode())
    except OSError:
        return None
    return digest.hexdigest()


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
