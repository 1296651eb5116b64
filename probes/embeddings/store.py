"""The store: each image and each prompt is embedded once by each model, and found again by its content.

A space is what made an embedding (the model's weights, its preprocessing); in it, an embedding is found by
the hash of the image or text. Each space has a folder, and a folder holds shards. A shard appears when it is
whole; one that cannot be read is left alone and worked around; one whose checksum fails is removed.
"""

from __future__ import annotations

import hashlib
import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipmodel.array_types import Singles
from clipmodel.errors import UserError
from probes.embeddings.shard_files import (
    UNFINISHED,
    DamagedShardError,
    Shard,
    add_shard,
    keys_of,
    open_shard,
    remove_abandoned_drafts,
    write_bytes,
)
from probes.embeddings.stored_rows import StoredRows, locate

CACHE_VARIABLE, MODE_VARIABLE = "CLIP_AUDIT_CACHE", "CLIP_AUDIT_CACHE_MODE"
SPACE_FILE = "space.txt"
REMEMBERED = "models"  # folder of what `remembered_models` notes
READERS = 4  # threads that verify shards; hashing and reading leave the interpreter free
OLD_SUFFIX = ".npz"  # shards of versions before 0.2, which are ignored


def cache_folder() -> Path:
    """The folder in CLIP_AUDIT_CACHE, or "clip-audit" in the platform's cache folder."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        # Local, not roaming: a cache should not follow the user to other machines.
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        # `or`: the XDG specification treats an empty variable as unset.
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "clip-audit"


def file_mode() -> int:
    """Permissions of new files: 0600, or the octal number in CLIP_AUDIT_CACHE_MODE.

    Raises
    ------
    UserError
        The variable is no such number, or would lock the owner out.
    """
    # 0600 by default: embeddings of faces are personal data (docs/security.md).
    text = os.environ.get(MODE_VARIABLE, "600")
    try:
        mode = int(text, 8)
    except ValueError:
        mode = -1
    if not 0o600 <= mode <= 0o777 or mode & 0o600 != 0o600:
        raise UserError(f"{MODE_VARIABLE} is {text!r}", remedy="write octal permissions, such as 600 or 660")
    return mode


@dataclass(frozen=True)
class SpaceSummary:
    """What one folder of the store holds.

    Attributes
    ----------
    folder
        The folder.
    space
        What made the embeddings; "not known" if the folder does not say.
    n_embeddings, n_shards, n_bytes
        Of the sound shards; shards of earlier versions count in `n_old` only.
    n_unreadable, n_old
        Shards that cannot be read, and files of earlier versions.
    used
        When a shard was last written, in seconds since 1970; 0 if there is none.
    """

    folder: Path
    space: str
    n_embeddings: int
    n_shards: int
    n_bytes: int
    n_unreadable: int
    n_old: int
    used: float


class EmbeddingStore:
    """Embeddings in a folder, by space (what made them) and content hash.

    Parameters
    ----------
    root
        The folder; by default `cache_folder()`. It is made when the first embedding is stored.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or cache_folder()

    def fetch(self, space: str, hashes: Sequence[str], *, dim: int) -> tuple[Singles, NDArray[np.bool_]]:
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
            A shard cannot be read, or is damaged. A damaged one is removed. The embeddings of both count as
            not stored.
        """
        rows, found = self.locate(space, hashes, dim=dim)
        embeddings = np.zeros((len(hashes), dim), np.float32)
        embeddings[found] = rows.take(np.flatnonzero(found))[:]
        return embeddings, found

    def locate(self, space: str, hashes: Sequence[str], *, dim: int) -> tuple[StoredRows, NDArray[np.bool_]]:
        """As `fetch`, but the embeddings stay where they are until a slice of them is read."""
        return locate(self.shards(space, dim=dim), keys_of(hashes), dim=dim)

    def shards(self, space: str, *, dim: int) -> list[Shard]:
        """The sound shards of a space; warns as `fetch` does."""
        shards = _open_all(_files(self.folder(space)))
        return [shard for shard in shards if shard.dim == dim]

    def add(self, space: str, hashes: Sequence[str], embeddings: NDArray[np.floating[Any]]) -> None:
        """Store a shard: N hashes and their [N, D] embeddings. Either all of it is there afterwards, or none.

        Raises
        ------
        UserError
            The folder cannot be written.
        """
        mode, folder = file_mode(), self.folder(space)
        try:
            self._make_folder(folder, space, mode)
            add_shard(folder, keys_of(hashes), embeddings.astype(np.float32), mode=mode)
        except OSError as error:
            raise UserError(
                f"the store of embeddings {self.root} cannot be written: {error.strerror}",
                remedy=f"set {CACHE_VARIABLE} to a folder that can",
            ) from error

    def _make_folder(self, folder: Path, space: str, mode: int) -> None:
        # Who may read a file may enter the folders it is in.
        folder_mode = mode | (mode & 0o444) >> 2
        for place in (self.root, self.root / "embeddings", folder):
            if not place.is_dir():
                place.mkdir(parents=place == self.root, exist_ok=True)
                # After mkdir, whose own mode the umask cuts.
                place.chmod(folder_mode)
        # Several runs may do this at once with the same content: either rename is right.
        if not (folder / SPACE_FILE).exists():
            write_bytes(folder / SPACE_FILE, f"{space}\n".encode(), mode=mode)
        remove_abandoned_drafts(folder)

    def folder(self, space: str) -> Path:
        """Where the shards of a space lie."""
        return self.root / "embeddings" / hashlib.sha256(space.encode()).hexdigest()[:24]

    def folders(self) -> list[Path]:
        """The folders of all spaces."""
        base = self.root / "embeddings"
        return sorted(path for path in base.iterdir() if path.is_dir()) if base.is_dir() else []

    def summaries(self) -> Iterator[SpaceSummary]:
        """What each folder holds."""
        for folder in self.folders():
            files = _files(folder)
            shards = _open_all(files)
            yield SpaceSummary(
                folder=folder,
                space=_space_of(folder),
                n_embeddings=sum(len(shard.keys) for shard in shards),
                n_shards=len(shards),
                n_bytes=sum(shard.path.stat().st_size for shard in shards),
                n_unreadable=sum(1 for path in files if path.exists()) - len(shards),
                n_old=len(list(folder.glob(f"*{OLD_SUFFIX}"))),
                used=max((shard.path.stat().st_mtime for shard in shards), default=0.0),
            )

    def files(self, *, model: str | None = None, only_old: bool = False) -> list[Path]:
        """Files of the store that `remove` may remove, by the start of a model's fingerprint.

        Raises
        ------
        UserError
            No model with embeddings has such a fingerprint.
        """
        folders = self.folders()
        if model is not None:
            folders = [path for path in folders if _space_of(path).partition(" ")[2].startswith(model)]
            if not folders:
                raise UserError(
                    f"no model with stored embeddings has a fingerprint that begins with {model!r}",
                    remedy="clip-audit cache show lists them",
                )
        patterns = (
            [f"*{OLD_SUFFIX}"] if only_old else [f"*{OLD_SUFFIX}", "*.arrow", SPACE_FILE, f"{UNFINISHED}*"]
        )
        if model is None and not only_old:
            # What is remembered of models themselves: their facts, under the hash of their files.
            folders, patterns = [*folders, self.root / REMEMBERED], [*patterns, "*.json"]
        return sorted(file for path in folders for pattern in patterns for file in path.glob(pattern))

    def remove(self, files: Iterable[Path]) -> int:
        """Remove files of the store and folders that become empty; the number of files removed.

        Warns
        -----
        UserWarning
            A file cannot be removed; it stays.
        """
        removed, folders = 0, set()
        for path in files:
            try:
                path.unlink()
            except OSError as error:
                warnings.warn(f"{path} cannot be removed ({error.strerror})", stacklevel=2)
            else:
                removed += 1
                folders.add(path.parent)
        for folder in folders:
            with suppress(OSError):  # not empty: somebody else's files, or a run's that goes on
                folder.rmdir()
        return removed

    def forget(self, hashes: Iterable[str], *, rest: bool = False) -> int:
        """Drop the image embeddings of some content hashes from every space; the number dropped.

        Parameters
        ----------
        hashes
            SHA-256 sums in hexadecimal.
        rest
            Drop all others instead.

        Raises
        ------
        UserError
            A shard cannot be read or replaced: what it holds is not forgotten.
        """
        keys = np.unique(keys_of(sorted(set(hashes))))
        return sum(
            self._forget_in(folder, keys, rest=rest)
            for folder in self.folders()
            # Prompts show nobody, and `rest` would drop all of them.
            if not _space_of(folder).startswith("text ")
        )

    def _forget_in(self, folder: Path, keys: NDArray[np.bytes_], *, rest: bool) -> int:
        for path in folder.glob(f"*{OLD_SUFFIX}"):
            path.unlink(missing_ok=True)  # nothing reads them, and they may hold what is to be forgotten
        dropped, files = 0, _files(folder)
        shards = _open_all(files)
        if lost := {path for path in files if path.exists()} - {shard.path for shard in shards}:
            raise UserError(
                f"{min(lost)}: cannot be read, so it may still hold what is to be forgotten",
                remedy="have its owner run the command, or remove the file",
            )
        for shard in shards:
            kept = np.isin(shard.keys, keys, invert=not rest)
            if kept.all():
                continue
            try:
                if kept.any():
                    vectors = shard.read(0, len(shard.keys))[kept]
                    # The new shard is on the disk before the old one goes: a kill in between leaves both,
                    # which holds too much and loses nothing.
                    add_shard(folder, shard.keys[kept], vectors, mode=file_mode())
                shard.path.unlink(missing_ok=True)
            except OSError as error:
                raise UserError(
                    f"{shard.path}: cannot be replaced ({error.strerror})", remedy="check its permissions"
                ) from error
            dropped += int((~kept).sum())
        return dropped


def _space_of(folder: Path) -> str:
    try:
        return (folder / SPACE_FILE).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return "not known"


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".arrow")
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        warnings.warn(f"{folder} cannot be read ({error.strerror}) and is left alone", stacklevel=2)
        return []


def _open_all(files: Sequence[Path]) -> list[Shard]:
    # Checksums read every byte; hashing releases the interpreter's lock, so threads overlap.
    with ThreadPoolExecutor(READERS) as pool:
        found = list(pool.map(_open, files))
    for path, (_, problem) in zip(files, found, strict=True):
        if problem:
            warnings.warn(f"{path} {problem}", stacklevel=2)
    return [shard for shard, _ in found if shard is not None]


def _open(path: Path) -> tuple[Shard | None, str]:
    """A shard, or None and what is wrong with the file, if that is worth telling."""
    try:
        return open_shard(path), ""
    except FileNotFoundError:
        return None, ""  # another run found it damaged first
    except DamagedShardError:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        return None, "is damaged; it was removed, and its embeddings are made again"
    except OSError as error:
        return None, f"cannot be read ({error.strerror}); it is left alone, and its embeddings are made again"
