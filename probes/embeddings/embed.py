"""Embeddings of images and texts; what the store holds is not embedded again.

Shapes: N images or texts, D joint embedding.
"""

from __future__ import annotations

import hashlib
import itertools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from clipmodel.errors import UserError
from clipmodel.progress import Progress
from probes.datasets.demographic_dataset import DemographicDataset, UnreadableImageError
from probes.datasets.formats.embeddings import EmbeddedDataset
from probes.embeddings.embedded_images import EmbeddedImages
from probes.embeddings.folder import FolderDataset
from probes.embeddings.precomputed import PrecomputedModel
from probes.embeddings.shard_files import keys_of
from probes.embeddings.store import CACHE_VARIABLE, EmbeddingStore, cache_folder
from probes.embeddings.stored_rows import locate

if TYPE_CHECKING:
    import torch

    from clipmodel.loading import EmbeddingModel

__all__ = [
    "CACHE_VARIABLE",
    "EmbeddedImages",
    "EmbeddingStore",
    "cache_folder",
    "embed_dataset",
    "embed_texts",
]

BATCH_IMAGES = 64
ACCELERATOR_BATCH = 256  # images; a GPU is done with fewer before the next ones are there
BATCHES_PER_SHARD = 16  # at most 1,024 images are lost when a run is killed
BATCH_TEXTS = 256
READERS = 2  # threads that read and decode images while a model on the CPU embeds others
AHEAD = 2 * BATCH_IMAGES  # images that are decoded before they are needed


def image_space(model: EmbeddingModel) -> str:
    """What an image embedding depends on besides the image."""
    return f"image {model.fingerprint} {model.preprocess_id}"


def text_space(model: EmbeddingModel) -> str:
    """What a text embedding depends on besides the text."""
    return f"text {model.fingerprint}"


def embed_dataset(
    model: EmbeddingModel,
    dataset: DemographicDataset,
    rows: Sequence[int] | np.ndarray,
    *,
    store: EmbeddingStore,
    progress: Progress | None = None,
) -> EmbeddedImages:
    """Embed rows of a data set; what the store holds is not embedded again.

    Each image is read once: its hash is looked up, and it is decoded from the same bytes if it is new. Images
    with the same content are embedded once. An image that cannot be read is returned with its reason; it is
    not fatal. Embeddings that the data set brings along are taken as they are.
    """
    if isinstance(dataset, FolderDataset | EmbeddedDataset):
        return dataset.embedded(np.asarray(rows, np.int64))
    rows = [int(row) for row in rows]
    space, n_new = image_space(model), 0
    shards = store.shards(space, dim=model.embed_dim)
    # Sorted, so that each reading thread finds a hash by binary search without a Python set of all of them.
    known = np.unique(np.concatenate([keys_of([]), *(shard.keys for shard in shards)]))
    seen = SeenImages()
    new_images = read_new_images(dataset, rows, model=model, known=known, seen=seen)
    for made, new in _embedded_shards(model, new_images, progress=progress, seen=seen, total=len(rows)):
        store.add(space, made, new)
        n_new += len(made)
    if n_new:
        shards = store.shards(space, dim=model.embed_dim)
    # In the order of the rows asked for; every copy of an image gets the one stored vector.
    keys = [seen.hashes[row] for row in rows if row in seen.hashes]
    vectors, found = locate(shards, keys_of(keys), dim=model.embed_dim)
    readable = np.array([row for row in rows if row in seen.hashes], int)[found]
    unreadable = seen.unreadable_rows()
    # Every image is now stored or has a reason. What is neither was removed from the store by somebody else
    # while this ran; rates over the rest would be of an unknown selection.
    if lost := len(rows) - len(readable) - len(unreadable):
        raise UserError(
            f"the store of embeddings {store.root} lost {lost} images while they were embedded",
            remedy="let no other program change the folder, and run the same command again",
        )
    # Over content, in order: a removed or exchanged image changes it, a renamed one does not.
    content = hashlib.sha256("".join(seen.hashes[int(row)] for row in readable).encode()).hexdigest()
    contents = tuple(seen.hashes[int(row)] for row in readable)
    return EmbeddedImages(
        readable, vectors.take(np.flatnonzero(found)), unreadable, n_new, content, contents=contents
    )


@dataclass
class SeenImages:
    """What reading the images showed.

    Attributes
    ----------
    hashes
        Row -> content hash of each image with bytes.
    missing
        Row -> reason why there are no bytes.
    damaged
        Hash -> reason why its bytes are no image.
    """

    hashes: dict[int, str] = field(default_factory=dict)
    missing: dict[int, str] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)

    def unreadable_rows(self) -> dict[int, str]:
        """Row and reason of each image that could not be read."""
        damaged = {row: self.damaged[key] for row, key in self.hashes.items() if key in self.damaged}
        return self.missing | damaged


NewImage = tuple[str, "torch.Tensor"]  # content hash and preprocessed pixels [3, H, W]


def read_new_images(
    dataset: DemographicDataset,
    rows: Iterable[int],
    *,
    model: EmbeddingModel,
    known: np.ndarray,
    seen: SeenImages,
) -> Iterator[NewImage]:
    """Read rows in their order, and yield each image once whose hash is not `known` (sorted raw hashes)."""

    convert = not getattr(model, "any_mode", False)  # see `EmbeddingModel.preprocess`
    least = getattr(model, "least_side", None)  # of a `ReducedModel` that decodes scaled

    def load(row: int) -> tuple[int, str | None, torch.Tensor | str | None]:
        key: str | None = None
        try:
            data = dataset.read_bytes(row)
            key = dataset.hash_of(row, data)
            raw = keys_of([key])[0]
            at = int(np.searchsorted(known, raw))
            # Looked up before it is decoded: a known image is read and hashed, and never preprocessed.
            if key in seen.damaged or (at < len(known) and known[at] == raw):
                return row, key, None
            return row, key, model.preprocess(dataset.image_of(row, data, convert=convert, least_side=least))
        # A damaged image has a hash if its bytes were read; copies of it are then not decoded again.
        except UnreadableImageError as error:
            return row, key, str(error)

    # Threads read ahead, so two copies of one image may both be decoded; the first in the order of the rows
    # is embedded, whatever thread was faster.
    claimed: set[str] = set()
    # A model on the CPU needs the cores itself; beside an accelerator, decoding is what limits the speed.
    readers = READERS if _on_cpu(model) else os.cpu_count() or READERS
    for row, key, found in _in_order(load, rows, readers=readers):
        if key is None:
            seen.missing[row] = str(found)
            continue
        seen.hashes[row] = key
        if isinstance(found, str):
            seen.damaged[key] = found
        elif found is not None and key not in claimed:
            claimed.add(key)
            yield key, found


Loaded = tuple[int, str | None, "torch.Tensor | str | None"]


def _in_order(load: Callable[[int], Loaded], rows: Iterable[int], *, readers: int) -> Iterator[Loaded]:
    """What `load` gives for each row, in their order, some computed ahead by threads."""
    waiting: deque[Future[Loaded]] = deque()
    pool = ThreadPoolExecutor(readers)
    try:
        for row in rows:
            waiting.append(pool.submit(load, row))
            # Bounded, or reading would run ahead of a slow model until the memory is full of pixels.
            if len(waiting) > AHEAD * readers // READERS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    # If the consumer stops early, images that wait are not read.
    finally:
        pool.shutdown(cancel_futures=True)


def _embedded_shards(
    model: EmbeddingModel,
    images: Iterator[NewImage],
    *,
    progress: Progress | None,
    seen: SeenImages,
    total: int,
) -> Iterator[tuple[list[str], np.ndarray]]:
    """Hashes and embeddings of new images, a shard at a time.

    Shards end where batches end, so a run that resumes after a kill forms the same batches as one that was
    never interrupted.
    """
    keys: list[str] = []
    parts: list[np.ndarray] = []
    done = 0
    for number, (own, embeddings) in enumerate(embedded_batches(model, images), start=1):
        keys += own
        # Joined once a shard: joining at each batch would copy the shard each time.
        parts.append(embeddings)
        done = len(seen.hashes) + len(seen.missing)
        if progress:
            progress("images", done, total)
        if number % BATCHES_PER_SHARD == 0:
            yield keys, np.concatenate(parts)
            keys, parts = [], []
    if keys:
        yield keys, np.concatenate(parts)
    # The last rows may all be known and make no batch; the display must still reach its end.
    if progress and done < total:
        progress("images", total, total)


def embedded_batches(
    model: EmbeddingModel, images: Iterator[NewImage]
) -> Iterator[tuple[list[str], np.ndarray]]:
    """Hashes and embeddings of images, a batch at a time.

    On an accelerator one batch is computed while the next is gathered, in memory from which it is copied
    without a detour.
    """
    first = next(images, None)
    if first is None:
        return  # without torch, if all images are stored
    import torch

    from clipmodel.loading.embedding_model import device_of

    images = itertools.chain([first], images)
    device = device_of(model)
    if device.type == "cpu":
        for keys, pixels in _batches(images, BATCH_IMAGES):
            yield keys, as_numpy(model.encode_image(torch.stack(pixels)))
        return
    under_way: tuple[list[str], Future[torch.Tensor]] | None = None
    # One worker, so that batches come back in the order in which they were sent.
    with ThreadPoolExecutor(1) as worker:
        for keys, pixels in _batches(images, ACCELERATOR_BATCH):
            following = keys, worker.submit(model.encode_image, _gathered(pixels, device))
            if under_way is not None:
                yield under_way[0], as_numpy(under_way[1].result())
            under_way = following
        if under_way is not None:
            yield under_way[0], as_numpy(under_way[1].result())


def _batches(images: Iterator[NewImage], size: int) -> Iterator[tuple[list[str], list[torch.Tensor]]]:
    while batch := list(itertools.islice(images, size)):
        yield [key for key, _ in batch], [pixels for _, pixels in batch]


def _gathered(pixels: Sequence[torch.Tensor], device: torch.device) -> torch.Tensor:
    """A batch in one piece; for CUDA page-locked, so that it is copied while the device computes."""
    import torch

    if device.type != "cuda":
        return torch.stack(list(pixels))
    whole = torch.empty((len(pixels), *pixels[0].shape), dtype=pixels[0].dtype, pin_memory=True)
    return torch.stack(list(pixels), out=whole)


def _on_cpu(model: EmbeddingModel) -> bool:
    return str(getattr(model, "device", "cpu")).partition(":")[0] == "cpu"


def embed_texts(model: EmbeddingModel, texts: Sequence[str], *, store: EmbeddingStore) -> np.ndarray:
    """[N, D] float32, unit-norm embeddings of N texts; those in the store are not made again."""
    if isinstance(model, PrecomputedModel):
        return model.vectors_of(texts).astype(np.float32, copy=False)
    space = text_space(model)
    hashes = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    embeddings, found = store.fetch(space, hashes, dim=model.embed_dim)
    places: dict[str, list[int]] = {}
    for place in np.flatnonzero(~found).tolist():
        places.setdefault(texts[place], []).append(int(place))
    # Sorted: batches, and with them the last bits of the numbers, do not depend on the order of the probes.
    missing = sorted(places)
    for start in range(0, len(missing), BATCH_TEXTS):
        batch = missing[start : start + BATCH_TEXTS]
        new = as_numpy(model.encode_text(batch))
        store.add(space, [hashes[places[text][0]] for text in batch], new)
        for text, embedding in zip(batch, new, strict=True):
            embeddings[places[text]] = embedding
    return embeddings


def as_numpy(embeddings: torch.Tensor) -> np.ndarray:
    """float32 [N, D] on the CPU."""
    # NumPy has no bfloat16 and cannot read the memory of a device.
    return embeddings.detach().float().cpu().numpy()
