"""A store of embeddings on disk: each image and each prompt is embedded once by each model.

An embedding is found by the model's weights, its preprocessing and the content of the image, so runs,
suites and data sets share it. Shards are written under another name and renamed when complete: a run that
is killed leaves whole shards behind, and the next one goes on from there.

Shapes: N images or texts, D joint embedding.
"""

from __future__ import annotations

import hashlib
import os
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from clipmodel.errors import UserError
from clipmodel.loading import EmbeddingModel
from probes.datasets.base import DemographicDataset, UnreadableImageError
from probes.datasets.formats.embeddings import EmbeddedDataset
from probes.embeddings.shard_files import Shard, StoredRows, keys_of, locate, open_shard, write_shard

CACHE_VARIABLE = "CLIP_AUDIT_CACHE"
BATCH_IMAGES = 64
BATCHES_PER_SHARD = 16  # at most 1,024 images are lost when a run is killed
BATCH_TEXTS = 256
BLOCK_IMAGES = 4096  # embeddings that a measure holds at a time
READERS = 2  # threads that decode the next batch while the model embeds this one

Progress = Callable[[str, int, int], None]  # what is being done, how many are done, how many in all


def cache_folder() -> Path:
    """The folder in CLIP_AUDIT_CACHE, or "clip-audit" in the platform's cache folder."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "clip-audit"


class EmbeddingStore:
    """Embeddings in a folder, by space (what made them) and content hash.

    Parameters
    ----------
    root
        The folder; by default `cache_folder()`. It is made when the first embedding is stored.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or cache_folder()

    def fetch(self, space: str, hashes: Sequence[str], *, dim: int) -> tuple[np.ndarray, np.ndarray]:
        """Look embeddings up and read them.

        Parameters
        ----------
        space
            As `image_space` or `text_space` name it.
        hashes
            N SHA-256 sums in hexadecimal; one may repeat.
        dim
            D.

        Returns
        -------
        embeddings
            [N, D] float32; rows that are not stored are zero.
        found
            [N] bool.

        Warns
        -----
        UserWarning
            A shard is damaged. It is removed, and its embeddings count as not stored.
        """
        rows, found = self.locate(space, hashes, dim=dim)
        embeddings = np.zeros((len(hashes), dim), np.float32)
        embeddings[found] = rows.take(np.flatnonzero(found))[:]
        return embeddings, found

    def locate(self, space: str, hashes: Sequence[str], *, dim: int) -> tuple[StoredRows, np.ndarray]:
        """As `fetch`, but the embeddings stay where they are until a slice of them is read."""
        return locate(list(self._shards(space, dim)), keys_of(hashes), dim=dim)

    def add(self, space: str, hashes: Sequence[str], embeddings: np.ndarray) -> None:
        """Store a shard: N hashes and their [N, D] embeddings. Either all of it is there afterwards, or none.

        Raises
        ------
        UserError
            The folder cannot be written.
        """
        keys = keys_of(hashes)
        name = hashlib.sha256(keys.tobytes()).hexdigest()[:24]
        try:
            write_shard(self._folder(space), name, keys, embeddings)
        except OSError as error:
            raise UserError(
                f"the store of embeddings {self.root} cannot be written: {error.strerror}",
                remedy=f"set {CACHE_VARIABLE} to a folder that can",
            ) from error

    def _folder(self, space: str) -> Path:
        return self.root / "embeddings" / hashlib.sha256(space.encode()).hexdigest()[:24]

    def _shards(self, space: str, dim: int) -> Iterator[Shard]:
        for path in sorted(self._folder(space).glob("*.npz")):
            try:
                yield open_shard(path, dim)
            except FileNotFoundError:
                continue  # another run found it damaged first
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
                warnings.warn(f"{path} is damaged; its embeddings are made again", stacklevel=4)
                path.unlink(missing_ok=True)


def image_space(model: EmbeddingModel) -> str:
    """What an image embedding depends on besides the image."""
    return f"image {model.fingerprint} {model.preprocess_id}"


def text_space(model: EmbeddingModel) -> str:
    """What a text embedding depends on besides the text."""
    return f"text {model.fingerprint}"


@dataclass(frozen=True)
class EmbeddedImages:
    """Embeddings of chosen rows of a data set.

    Attributes
    ----------
    rows
        [N] the rows that could be read, in the order asked for.
    vectors
        [N, D] float32, unit-norm: an array, or rows of the store that are read slice by slice.
    unreadable
        Row and reason of each image that could not be read.
    n_new
        How many images were embedded now, not found in the store.
    content_sha256
        Over the content of these images, in their order.
    coarse
        Longer side in pixels -> the same images shrunk to it, where a probe asks for it.
    """

    rows: np.ndarray
    vectors: np.ndarray | StoredRows
    unreadable: dict[int, str]
    n_new: int
    content_sha256: str
    coarse: Mapping[int, EmbeddedImages] = field(default_factory=dict)

    @cached_property
    def embeddings(self) -> np.ndarray:
        """[N, D] all of them in memory."""
        return self.vectors[:]

    def blocks(self) -> Iterator[tuple[int, np.ndarray]]:
        """The embeddings some at a time, each block with the place of its first image."""
        for start in range(0, len(self.rows), BLOCK_IMAGES):
            yield start, self.vectors[start : start + BLOCK_IMAGES]

    def similarities(self, texts: np.ndarray) -> np.ndarray:
        """[N, U] cosines with unit-norm vectors [U, D], in their precision; one block is held at a time."""
        found = np.empty((len(self.rows), len(texts)), texts.dtype)
        for start, block in self.blocks():
            found[start : start + len(block)] = block @ texts.T
        return found

    def of(self, rows: np.ndarray) -> EmbeddedImages:
        """Those of some of the rows, each of which could be read; for which `n_new` and the hash stay."""
        at = np.searchsorted(self.rows, rows)
        chosen = self.vectors[at] if isinstance(self.vectors, np.ndarray) else self.vectors.take(at)
        return replace(self, rows=rows, vectors=chosen)


def embed_dataset(
    model: EmbeddingModel,
    dataset: DemographicDataset,
    rows: Sequence[int] | np.ndarray,
    *,
    store: EmbeddingStore,
    progress: Progress | None = None,
) -> EmbeddedImages:
    """Embed rows of a data set, those in the store excepted.

    Images with the same content are embedded once. An image that cannot be read is returned with its
    reason; it is not fatal. Embeddings that the data set brings along are taken as they are.
    """
    rows = [int(row) for row in rows]
    if isinstance(dataset, EmbeddedDataset):
        given = dataset.embeddings[rows]
        return EmbeddedImages(np.array(rows, int), given, {}, 0, hashlib.sha256(given.tobytes()).hexdigest())
    hashes, unreadable = _hash_rows(dataset, rows)
    space = image_space(model)
    known = [row for row in rows if row in hashes]
    keys = [hashes[row] for row in known]
    vectors, found = store.locate(space, keys, dim=model.embed_dim)
    places: dict[str, list[int]] = {}
    for place in np.flatnonzero(~found).tolist():
        places.setdefault(keys[place], []).append(place)
    tasks = [(key, known[at[0]]) for key, at in places.items()]
    n_new = 0
    for made, new, damaged in _embed_shards(model, dataset, tasks, progress=progress):
        if made:
            store.add(space, made, new)
        for key, reason in damaged.items():
            unreadable |= {known[place]: reason for place in places[key]}
        n_new += len(made)
    if n_new:
        vectors, found = store.locate(space, keys, dim=model.embed_dim)
    readable = np.array(known, int)[found]
    if lost := len(rows) - len(readable) - len(unreadable):
        raise UserError(
            f"the store of embeddings {store.root} lost {lost} images while they were embedded",
            remedy="let no other program change the folder, and run the same command again",
        )
    content = hashlib.sha256("".join(hashes[int(row)] for row in readable).encode()).hexdigest()
    return EmbeddedImages(readable, vectors.take(np.flatnonzero(found)), unreadable, n_new, content)


def _hash_rows(dataset: DemographicDataset, rows: Sequence[int]) -> tuple[dict[int, str], dict[int, str]]:
    hashes: dict[int, str] = {}
    unreadable: dict[int, str] = {}
    for row in rows:
        try:
            hashes[row] = dataset.content_hash(row)
        except UnreadableImageError as error:
            unreadable[row] = str(error)
    return hashes, unreadable


Made = tuple[list[str], np.ndarray, dict[str, str]]


def _embed_shards(
    model: EmbeddingModel,
    dataset: DemographicDataset,
    tasks: Sequence[tuple[str, int]],
    *,
    progress: Progress | None,
) -> Iterator[Made]:
    """Hashes, embeddings and unreadable hashes, a shard at a time.

    Shards end where batches end, so a run that goes on after a kill forms the same batches, and with them
    the same last bits, as one that was never interrupted.
    """
    batches = [tasks[i : i + BATCH_IMAGES] for i in range(0, len(tasks), BATCH_IMAGES)]
    keys: list[str] = []
    parts: list[np.ndarray] = [np.zeros((0, model.embed_dim), np.float32)]
    damaged: dict[str, str] = {}
    done = 0
    for number, (batch, pixels) in enumerate(_prefetched(model, dataset, batches), start=1):
        good = [
            (key, value) for (key, _), value in zip(batch, pixels, strict=True) if not isinstance(value, str)
        ]
        damaged |= {
            key: value for (key, _), value in zip(batch, pixels, strict=True) if isinstance(value, str)
        }
        if good:
            keys += [key for key, _ in good]
            parts.append(_as_numpy(model.encode_image(torch.stack([value for _, value in good]))))
        done += len(batch)
        if progress:
            progress("images", done, len(tasks))
        if number % BATCHES_PER_SHARD == 0 or number == len(batches):
            yield keys, np.concatenate(parts), damaged
            keys, parts, damaged = [], [np.zeros((0, model.embed_dim), np.float32)], {}


def _prefetched(
    model: EmbeddingModel, dataset: DemographicDataset, batches: Sequence[Sequence[tuple[str, int]]]
) -> Iterator[tuple[Sequence[tuple[str, int]], list[torch.Tensor | str]]]:
    """Each batch with the pixels, or the reason why there are none, of its images; read one batch ahead."""

    def load(task: tuple[str, int]) -> torch.Tensor | str:
        try:
            return model.preprocess(dataset.open_image(task[1]))
        except UnreadableImageError as error:
            return str(error)

    with ThreadPoolExecutor(READERS) as pool:
        ahead = [pool.submit(load, task) for task in batches[0]] if batches else []
        for number, batch in enumerate(batches):
            current = ahead
            ahead = (
                [pool.submit(load, task) for task in batches[number + 1]] if number + 1 < len(batches) else []
            )
            yield batch, [future.result() for future in current]


def embed_texts(model: EmbeddingModel, texts: Sequence[str], *, store: EmbeddingStore) -> np.ndarray:
    """[N, D] float32, unit-norm embeddings of N texts; those in the store are not made again."""
    space = text_space(model)
    hashes = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    embeddings, found = store.fetch(space, hashes, dim=model.embed_dim)
    places: dict[str, list[int]] = {}
    for place in np.flatnonzero(~found).tolist():
        places.setdefault(texts[place], []).append(int(place))
    missing = sorted(places)
    for start in range(0, len(missing), BATCH_TEXTS):
        batch = missing[start : start + BATCH_TEXTS]
        new = _as_numpy(model.encode_text(batch))
        store.add(space, [hashes[places[text][0]] for text in batch], new)
        for text, embedding in zip(batch, new, strict=True):
            embeddings[places[text]] = embedding
    return embeddings


def _as_numpy(embeddings: torch.Tensor) -> np.ndarray:
    return embeddings.detach().float().cpu().numpy()
