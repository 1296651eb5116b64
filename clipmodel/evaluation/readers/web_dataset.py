"""The layout of CLIP_benchmark's and DataComp's WebDataset homes, in a folder or at a URL.

    ROOT/classnames.txt  zeroshot_classification_templates.txt  dataset_type.txt
    ROOT/SPLIT/nshards.txt  0.tar  1.tar ...     members KEY.cls KEY.webp [KEY.npy] [KEY.txt]

Shards are read in place: an index of (file, offset, size) is held, no image. A blank line in classnames.txt
is a class: dropping it would shift all later ones.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from clipmodel.errors import UserError
from clipmodel.evaluation.readers.evaluation_set import (
    EvaluationSet,
    checked,
    named_classes,
    with_slot,
)
from clipmodel.evaluation.readers.remote_files import RemoteFolder
from clipmodel.evaluation.registry.entry import SetEntry

CLASSNAMES, TEMPLATES = "classnames.txt", "zeroshot_classification_templates.txt"
TYPE, SHARDS = "dataset_type.txt", "nshards.txt"
IMAGE_KINDS = ("webp", "png", "jpg", "jpeg")  # the first that a sample has is its image
BLOCK = tarfile.BLOCKSIZE


class Part(NamedTuple):
    """Where the bytes of a member lie."""

    path: Path
    offset: int
    size: int

    def read(self) -> bytes:
        with self.path.open("rb") as file:
            file.seek(self.offset)
            data = file.read(self.size)
        if len(data) != self.size:
            raise UserError(f"{self.path}: truncated", remedy="copy the shard again")
        return data


@dataclass(frozen=True)
class TarImages:
    """Images inside uncompressed tar files."""

    parts: Sequence[Part]
    ids: Sequence[str]

    def read_bytes(self, row: int) -> bytes:
        """The member's bytes."""
        try:
            return self.parts[row].read()
        except OSError as error:
            raise UserError(f"{self.parts[row].path}: {error.strerror}", remedy="copy it again") from error


def read_web_dataset(
    root: Path | RemoteFolder, entry: SetEntry, *, split: str = "test", language: str = "en"
) -> EvaluationSet:
    """Read a set; class names and templates in its own files take precedence over the registry's.

    Parameters
    ----------
    root
        A folder, or the cached copy of a URL.
    entry
        Its name and metric, and names for what the folder lacks.
    split
        The folder of shards.

    Raises
    ------
    UserError
        nshards.txt or a shard is missing or truncated; labels, names or templates do not fit.
    """
    samples = _samples(root, split)
    notes: tuple[str, ...] = ()
    if entry.border_px:
        entry = entry.model_copy(update={"border_px": 0})
        notes = ("images as converted to shards, their border is not cut off",)
    kind = (_text(root, TYPE) or "classification").strip().lower()
    where = f"{root} ({split})"
    ids = [f"{number:05d}/{key}" for number, key, _ in samples]
    common = {
        "entry": entry,
        "images": TarImages([_image(key, sample) for _, key, sample in samples], ids),
        "where": where,
        "language": language,
        "notes": notes,
    }
    if kind == "retrieval":
        texts = [_member(sample, "txt", key=key).decode("utf-8") for _, key, sample in samples]
        captions = [[line.strip() for line in text.splitlines() if line.strip()] for text in texts]
        pairs = [(row, k) for row, own in enumerate(captions) for k in range(len(own))]
        flat = tuple(caption for own in captions for caption in own)
        at = np.array([(row, place) for place, (row, _) in enumerate(pairs)], dtype=np.int64).reshape(-1, 2)
        return checked(EvaluationSet(**common, captions=flat, pairs=at))  # type: ignore[arg-type]
    names = _text(root, CLASSNAMES)
    # Blank lines stay: `splitlines` gives a class for each, and dropping one would shift the rest.
    classes = named_classes(entry) if names is None else tuple((line.strip(),) for line in names.splitlines())
    lines = _text(root, TEMPLATES)
    templates = (
        tuple(entry.templates or ())
        if lines is None
        else with_slot(
            [line.strip() for line in lines.splitlines() if line.strip()], where=f"{root}/{TEMPLATES}"
        )
    )
    labels: dict[str, object] = {"classes": classes, "templates": templates}
    if kind == "multilabel":
        rows = [_vector(sample, key) for _, key, sample in samples]
        labels["multilabel"] = np.array(rows, dtype=bool).reshape(len(rows), -1)
    else:
        labels["truth"] = np.array([_label(sample, key) for _, key, sample in samples], dtype=np.int64)
        labels["metadata"] = _metadata(samples, entry)
    return checked(EvaluationSet(**common, **labels))  # type: ignore[arg-type]


Sample = dict[str, Part]


def _samples(root: Path | RemoteFolder, split: str) -> list[tuple[int, str, Sample]]:
    text = _text(root, f"{split}/{SHARDS}")
    if text is None or not text.strip().isdecimal():
        raise UserError(
            f"{root}: {split}/{SHARDS} is {'missing' if text is None else 'no number'}",
            remedy="a WebDataset home has it in the folder of every split; check --split and the path",
        )
    found = []
    for number in range(int(text)):
        path = (
            root.file(f"{split}/{number}.tar")
            if isinstance(root, RemoteFolder)
            else root / split / f"{number}.tar"
        )
        if path is None or not path.is_file():
            raise UserError(
                f"{root}: {split}/{number}.tar is missing, of {int(text)} shards", remedy="copy the shard"
            )
        found += [(number, key, sample) for key, sample in index_tar(path).items()]
    return found


def index_tar(path: Path) -> dict[str, Sample]:
    """Samples of a shard by key: extension -> where its bytes lie.

    Raises
    ------
    UserError
        The file is no tar, is compressed, or ends before its end mark.
    """
    size = path.stat().st_size
    found: dict[str, Sample] = {}
    end = 0
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                # Content is padded to whole blocks of 512 bytes; -(-a // b) rounds up.
                end = member.offset_data + -(-member.size // BLOCK) * BLOCK
                if not member.isfile():
                    continue
                folder, _, name = member.name.rpartition("/")
                key, _, extension = name.partition(".")
                part = Part(path, member.offset_data, member.size)
                found.setdefault(f"{folder}/{key}" if folder else key, {})[extension.lower()] = part
    except (tarfile.TarError, EOFError) as error:
        raise UserError(f"{path}: damaged or no tar file ({error})", remedy="copy the shard again") from error
    # A whole archive ends with two blocks of zeros; one block is what some writers leave.
    if size < end + BLOCK:
        raise UserError(f"{path}: truncated: no end mark after {len(found)} samples", remedy="copy it again")
    return found


def _text(root: Path | RemoteFolder, name: str) -> str | None:
    path = root.optional(name) if isinstance(root, RemoteFolder) else root / name
    return path.read_text(encoding="utf-8") if path is not None and path.is_file() else None


def _image(key: str, sample: Sample) -> Part:
    for kind in IMAGE_KINDS:
        if kind in sample:
            return sample[kind]
    raise UserError(
        f"sample {key}: no image among {sorted(sample)}", remedy=f"one of {', '.join(IMAGE_KINDS)}"
    )


def _member(sample: Sample, extension: str, *, key: str) -> bytes:
    if extension not in sample:
        raise UserError(
            f"sample {key}: no .{extension} among {sorted(sample)}", remedy="check dataset_type.txt"
        )
    return sample[extension].read()


def _label(sample: Sample, key: str) -> int:
    text = _member(sample, "cls", key=key).decode("ascii", "replace").strip()
    if not text.isdecimal():
        raise UserError(
            f"sample {key}: the label {text!r} is no number", remedy="KEY.cls holds a class index"
        )
    return int(text)


def _vector(sample: Sample, key: str) -> np.ndarray:
    try:
        # A .npy file may hold a pickle, which could run code.
        vector: np.ndarray = np.load(io.BytesIO(_member(sample, "npy", key=key)), allow_pickle=False)
        return vector
    except ValueError as error:
        raise UserError(f"sample {key}: KEY.npy cannot be read ({error})", remedy="write it again") from error


def _metadata(samples: Sequence[tuple[int, str, Sample]], entry: SetEntry) -> pd.DataFrame | None:
    if not entry.metadata:
        return None
    rows = [np.atleast_1d(_vector(sample, key)).tolist() for _, key, sample in samples]
    for (_, key, _), row in zip(samples, rows, strict=True):
        if len(row) != len(entry.metadata):
            expected = ", ".join(entry.metadata)
            raise UserError(
                f"sample {key}: {len(row)} values of metadata, expected {expected}",
                remedy="check that the set is the one named",
            )
    return pd.DataFrame(rows, columns=list(entry.metadata))
