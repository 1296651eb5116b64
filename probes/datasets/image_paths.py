"""Which images lie where: names that lead out of the folder of the data are found before anything is read."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

_SUFFIXES = {
    "JPEG": (".jpg", ".jpeg"), "PNG": (".png",), "WEBP": (".webp",), "GIF": (".gif",), "BMP": (".bmp",),
    "TIFF": (".tif", ".tiff"), "JPEG2000": (".jp2",), "AVIF": (".avif",), "PPM": (".ppm",),
}  # fmt: skip

_OF_OTHER_FORMATS = (
    ".heic", ".heif", ".jxl", ".psd", ".svg", ".eps", ".ico", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raw",
)  # fmt: skip


@cache
def image_suffixes() -> tuple[str, ...]:
    """Endings, in lower case, of the images that can be decoded here."""
    from clipmodel.inputs.image_decoding import FORMATS  # Pillow: most tables of images are read without it

    return tuple(suffix for name in FORMATS for suffix in _SUFFIXES[name])


def unread_images(root: Path) -> dict[str, int]:
    """How many files below a folder are images of formats that are not read, by the ending of their names."""
    endings = [ending for name in _files(root) if (ending := Path(name).suffix.lower()) in _OF_OTHER_FORMATS]
    return dict(sorted(Counter(endings).items()))


def find_images(root: Path) -> list[Path]:
    """Every image below a folder, by its ending, sorted; hidden files and folders are no data."""
    return sorted(path for path in _files(root) if path.name.lower().endswith(image_suffixes()))


def _files(root: Path) -> Iterator[Path]:
    """Every file below a folder, through links, but for hidden ones and those in hidden folders."""
    seen = set()
    # Links are followed: data sets are often folders of links to where the images lie.
    for folder, folders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # a link that leads back upwards
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder, name) for name in names if not name.startswith("."))


def printable(name: str) -> str:
    r"""The name of a file as text: bytes that are no UTF-8 are written as \\xff."""
    return os.fsencode(name).decode("utf-8", "backslashreplace") if not name.isascii() else name


def first_outside(root: Path, names: Sequence[str], *, folders: Sequence[Path] = ()) -> int | None:
    """The position of the first name that leads out of a folder; None where all stay inside.

    A name leads out by "..", as an absolute path, or through a symbolic link. What leads into one of the
    other folders is inside. Links are looked for folder by folder, so that this is quick for many names.

    Parameters
    ----------
    root
        The folder that the names are relative to.
    names
        Paths of images.
    folders
        Other folders that images may lie in.
    """
    # Resolved once: a link in the folder's own path is no way out of it.
    allowed = [folder.resolve() for folder in (root, *folders)]
    inside: dict[str, bool] = {}
    links: dict[str, set[str]] = {}
    for position, name in enumerate(names):
        if "\0" in name:  # the name of no file: reading it says so, as of one that is missing
            continue
        last = name.rpartition("/")[2]
        folder = name[: len(name) - len(last)]
        if folder not in inside:
            inside[folder] = _is_below(root / folder, allowed)
            links[folder] = _links(root / folder)
        stays = inside[folder]
        # Only links can lead elsewhere, so files that are none need no look at the disk.
        if last == ".." or last in links[folder]:
            stays = _is_below(root / name, allowed)
        if not stays:
            return position
    return None


def outside_words(root: Path, name: str) -> str:
    """How the name of an image leads out of a folder: as a link, or by its path; see `first_outside`."""
    link = next((path for path in _parents_within(root, name) if path.is_symlink()), None)
    if link is None:
        return f"{name!r} is outside the folder of the data"
    which = "a link" if link == root / name else f"in {link.relative_to(root).as_posix()!r}, a link"
    return f"{name!r} is {which} that leads outside the folder of the data, to {str(link.readlink())!r}"


def _parents_within(root: Path, name: str) -> Iterator[Path]:
    path = root
    for part in Path(name).parts:
        path = path / part
        yield path


def images_example(folder: Path) -> str:
    """Lines of a card that allow another folder, to be pasted."""
    return f"images: [{json.dumps(str(folder), ensure_ascii=False)}]"


def _is_below(path: Path, folders: Sequence[Path]) -> bool:
    try:
        resolved = path.resolve()
    except (OSError, RuntimeError):  # links in a circle lead nowhere: reading the image says so
        return True
    return any(resolved.is_relative_to(folder) for folder in folders)


def _links(folder: Path) -> set[str]:
    """The names of a folder that are symbolic links; what comes before ".." in it need not be there."""
    try:
        with os.scandir(folder.resolve()) as entries:
            return {entry.name for entry in entries if entry.is_symlink()}
    # The folder is missing, or links go in a circle, which is told when an image is read.
    except (OSError, RuntimeError):
        return set()
