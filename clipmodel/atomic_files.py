"""Files and folders that are whole or absent, whatever interrupts the writing."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import BinaryIO

from clipmodel.errors import UserError

fcntl: ModuleType | None
try:
    fcntl = importlib.import_module("fcntl")
except ImportError:  # Windows
    fcntl = None

LOCK = "lock"  # in the draft of a folder: held while it is written
DRAFT = ".draft"


def replace_file(path: Path, fill: Callable[[BinaryIO], object]) -> None:
    """Write a draft beside the file and swap it in once it is on the disk.

    A kill, a power cut or a full disk leaves the earlier file. No draft stays behind but a killed process's,
    which the next call overwrites.

    Raises
    ------
    OSError
        The draft cannot be written; whatever else `fill` raises comes through as well.
    """
    draft = path.with_name(f"{path.name}{DRAFT}")
    try:
        with draft.open("wb") as file:
            fill(file)
            file.flush()
            # Before the rename: otherwise a power cut can leave the new name with none of its bytes.
            os.fsync(file.fileno())
        # The draft lies in the same folder: a rename is atomic within one file system only.
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have the disk know which files a folder holds; where folders cannot be opened there is no need."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_folder(folder: Path, fill: Callable[[Path], None], *, owned: Callable[[str], bool]) -> None:
    """Fill a temporary sibling, then swap it in: an interruption leaves the earlier folder, or none.

    What a killed process left of writing the same folder is removed first.

    Parameters
    ----------
    folder
        The folder to replace or make.
    fill
        Writes the new content into the folder it is given.
    owned
        Tells by its name whether a file of the earlier folder may be dropped; all others are carried over.

    Raises
    ------
    UserError
        The folder cannot be written, or is a file.
    """
    with _draft(folder) as content:
        fill(content)
        _carry_over(folder.resolve(), content, owned)


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A draft that takes the place of a folder, which must not exist, when the block ends without an error.

    What a killed process left of writing the same folder is removed first.

    Raises
    ------
    UserError
        The folder exists, or cannot be written.
    """
    # Checked before the draft is made, so that no work is lost to a name that was taken.
    if folder.exists():
        raise UserError(f"{folder}: exists already", remedy="choose a new folder with --out, or delete it")
    with _draft(folder) as content:
        yield content


@contextmanager
def _draft(folder: Path) -> Iterator[Path]:
    """An empty folder beside another one, swapped in at the end and gone after an error."""
    folder = folder.resolve()
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: a file, not a folder", remedy="choose another output folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.exists() and not os.access(folder, os.W_OK):
            raise PermissionError(13, "Permission denied")
        _remove_drafts(folder)
        # A hidden sibling, not the system's temporary folder, which may be another file system.
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        lock = _locked(temporary / LOCK)
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        content = temporary / "new"
        content.mkdir()
        yield content
        _swap(content, folder, earlier=temporary / "earlier")
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if lock is not None:
            lock.close()


def _locked(path: Path) -> BinaryIO | None:
    """A file that is open and locked as long as this process lives; None if another process holds it.

    Systems without such locks (Windows) give None, and drafts of killed processes stay there.
    """
    file = path.open("wb")
    if take_lock(file):
        return file
    file.close()
    return None


def take_lock(file: BinaryIO) -> bool:
    """Lock an open file until it is closed or its process ends; False if another process has it locked.

    Systems without such locks (Windows, some network disks) give False.
    """
    if fcntl is None:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _remove_drafts(folder: Path) -> None:
    """Remove what killed processes left of writing this folder: drafts whose lock nobody holds.

    A process that was killed between its two renames has left the earlier folder in its draft: it is put
    back.
    """
    ours = re.compile(rf"\.{re.escape(folder.name)}-[a-z0-9_]{{8}}")
    for draft in [path for path in folder.parent.iterdir() if ours.fullmatch(path.name)]:
        # A draft whose lock is held belongs to a process that still writes; one without a lock file was made
        # a moment ago.
        if not (draft / LOCK).is_file() or (lock := _locked(draft / LOCK)) is None:
            continue
        earlier = draft / "earlier"
        if earlier.is_dir() and not folder.exists():
            earlier.rename(folder)
        shutil.rmtree(draft, ignore_errors=True)
        lock.close()


def _carry_over(folder: Path, content: Path, owned: Callable[[str], bool]) -> None:
    for path in sorted(folder.iterdir()) if folder.exists() else ():
        if owned(path.name.removesuffix(DRAFT)) or (content / path.name).exists():
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.copytree(path, content / path.name, symlinks=True)
        else:
            shutil.copy2(path, content / path.name, follow_symlinks=False)


def _swap(content: Path, folder: Path, *, earlier: Path) -> None:
    # mkdtemp makes folders that only their owner may enter; an audit is shared like any new folder.
    content.chmod(0o777 & ~_umask())
    if not folder.exists():
        content.rename(folder)
        return
    folder.rename(earlier)
    try:
        # Between these two renames the folder is absent for a moment; a process killed there leaves it in the
        # draft, where `_remove_drafts` of the next call finds it.
        content.rename(folder)
    except BaseException:
        earlier.rename(folder)
        raise


def _umask() -> int:
    # There is no way to read the mask but to set it.
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _unwritable(folder: Path, error: OSError) -> UserError:
    return UserError(
        f"{folder}: cannot be written ({error.strerror or error})", remedy="choose another output folder"
    )
