"""Rows of a folder of embeddings, read slice by slice from its parts.

Shapes: N rows that were asked for, D joint embedding, R images per part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clipmodel.errors import UserError
from probes.embeddings.shard_files import HASH_BYTES, KEY, Shard, checksum, index_of

REMEDY = "run the same clip-audit embed again: it makes damaged parts anew"


@dataclass(frozen=True)
class PartRows:
    """N embeddings in the parts of a folder; a slice is read when it is asked for.

    The checksum of a part is verified when the part is first touched, so verifying costs no pass of its own.

    Attributes
    ----------
    paths, checksums
        The files of the parts, and the SHA-256 of each.
    dim, part_images
        D and R: row r lies in part r // R, at the place r % R.
    rows
        [N] rows of the data set, each with an embedding.
    """

    paths: Sequence[Path]
    checksums: Sequence[str]
    dim: int
    part_images: int
    rows: NDArray[np.int64]
    _opened: dict[int, Shard] = field(default_factory=dict, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """For another process, maybe in another folder: it opens and verifies parts itself."""
        return self.__dict__ | {"paths": [path.resolve() for path in self.paths], "_opened": {}}

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, part: slice) -> NDArray[np.float32]:
        """[n, D] float32, the embeddings of a slice.

        Raises
        ------
        UserError
            A part is gone, or damaged.
        """
        rows = self.rows[part]
        vectors = np.empty((len(rows), self.dim), np.float32)
        for number, at in self._by_part(rows):
            places = rows[at] - number * self.part_images
            # One read of the range between the first and last row: a few rows too many cost less than a seek
            # each.
            first, n = int(places.min()), int(places.max() - places.min()) + 1
            try:
                block = self._part(number).read(first, n)
            except (OSError, ValueError) as error:
                raise UserError(f"{self.paths[number]}: gone, or cut short", remedy=REMEDY) from error
            # The common case of a whole slice in order needs no second copy.
            following = n == len(places) and bool((np.diff(places) == 1).all())
            vectors[at] = _single(block if following else block[places - first])
        return vectors

    def take(self, rows: NDArray[np.int64]) -> PartRows:
        """Some of the embeddings, by their positions [n]; what was verified stays so."""
        return replace(self, rows=self.rows[rows])

    def content_keys(self) -> Iterator[NDArray[np.uint8]]:
        """The content hashes [n, 32] of the rows, a part or a piece of one at a time."""
        step = self.part_images
        for start in range(0, len(self.rows), step):
            rows = self.rows[start : start + step]
            found = np.empty((len(rows), HASH_BYTES), np.uint8)
            for number, at in self._by_part(rows):
                self._part(number)
                own = index_of(self.paths[number])
                assert own is not None
                raw = np.frombuffer(own.keys.tobytes(), np.uint8).reshape(-1, HASH_BYTES)
                found[at] = raw[rows[at] - number * self.part_images]
            yield found

    def _by_part(self, rows: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.int64] | slice]]:
        """The parts that rows lie in, each with the positions of its rows."""
        numbers = rows // self.part_images
        # Mostly a slice lies in one part; then nothing is sorted.
        if len(numbers) and (numbers == numbers[0]).all():
            yield int(numbers[0]), slice(None)
            return
        for number in np.unique(numbers).tolist():
            yield number, np.flatnonzero(numbers == number)

    def _part(self, number: int) -> Shard:
        """A part whose checksum was verified."""
        if number in self._opened:
            return self._opened[number]
        path = self.paths[number]
        try:
            sound = checksum(path) == self.checksums[number]
            shard = index_of(path) if sound else None
        except (OSError, pa.ArrowInvalid) as error:
            raise UserError(f"{path}: cannot be read ({error})", remedy=REMEDY) from error
        if shard is None or shard.dim != self.dim:
            raise UserError(f"{path}: damaged, its checksum is not that of its manifest", remedy=REMEDY)
        # Without its keys, which would fill the memory of a run over many parts.
        self._opened[number] = replace(shard, keys=np.zeros(0, KEY))
        return self._opened[number]


def _single(block: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Stored numbers in 32 bits; torch widens 16 bits by vector instructions, NumPy one by one."""
    import torch  # not on loading: reading an audit loads this package, and needs no torch

    return torch.from_numpy(block).float().numpy()
