"""Folders of images: one sub-folder per class, or file names that begin with an ImageNet id and a class.

How folders are matched to classes, in this order: by name; ImageNet ids (n01440764) in sorted order if there
are as many as classes; numbers 0 ... C - 1 as numbers, not as text (ImageNet-V2).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from clipmodel.errors import UserError
from clipmodel.evaluation.readers.evaluation_set import (
    IMAGE_SUFFIXES,
    EvaluationSet,
    FileImages,
    checked,
    named_classes,
)
from clipmodel.evaluation.registry.entry import SetEntry

WORDNET_ID = re.compile(r"n\d{8}")
FLAT_NAME = re.compile(r"n\d{8}_(?P<name>.+)")
SHOWN = 5
DEFAULT_TEMPLATES = ("a photo of a {}.",)


def read_image_folder(root: Path, entry: SetEntry) -> EvaluationSet:
    """Read a folder of images.

    Parameters
    ----------
    root
        Sub-folders of images, or images named nXXXXXXXX_class_name.EXT.
    entry
        Class names, if it has any; else the folders' names, underscores as spaces, in sorted order.

    Raises
    ------
    UserError
        There are no images, or folders and class names do not match; the message says which.
    """
    if not root.is_dir():
        raise UserError(f"{root}: no such folder", remedy="check the path")
    # Hidden folders are left by operating systems and editors.
    folders = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    paths = {folder.name: _images(folder, deep=True) for folder in folders}
    if not any(paths.values()):
        paths = _by_file_name(root)
    if not any(paths.values()):
        raise UserError(
            f"{root}: no images in it or in its folders", remedy="one folder for each class is expected"
        )
    names = named_classes(entry)
    order = match_folders(list(paths), names, where=str(root)) if names else sorted(paths)
    files = [(path, c) for c, name in enumerate(order) for path in paths.get(name, ())]
    return checked(
        EvaluationSet(
            entry=entry,
            images=FileImages(
                [path for path, _ in files], [path.relative_to(root).as_posix() for path, _ in files]
            ),
            where=str(root),
            truth=np.array([c for _, c in files], dtype=np.int64),
            classes=names or tuple((name.replace("_", " "),) for name in order),
            templates=tuple(entry.templates or DEFAULT_TEMPLATES),
            notes=(f"a border of {entry.border_px} pixels is cut off each side",) if entry.border_px else (),
        )
    )


def match_folders(folders: Sequence[str], classes: Sequence[Sequence[str]], *, where: str) -> list[str]:
    """The folder of each class, in the order of the classes.

    Raises
    ------
    UserError
        Some folders have no class, or some classes no folder.
    """
    by_name = {_plain(folder): folder for folder in folders}
    wanted = [_plain(names[0]) for names in classes]
    if set(by_name) == set(wanted) and len(set(wanted)) == len(wanted) == len(folders):
        return [by_name[name] for name in wanted]
    if len(folders) == len(classes):
        # Sorted ids are ImageNet's order of classes, in which the registry has the names.
        if all(WORDNET_ID.fullmatch(folder) for folder in folders):
            return sorted(folders)
        # As text, 10 would come before 2: ImageNet-V2's folders are class numbers.
        if all(folder.isdecimal() for folder in folders) and {int(f) for f in folders} == set(
            range(len(classes))
        ):
            return sorted(folders, key=int)
    unknown = sorted(set(by_name) - set(wanted))
    empty = [names[0] for names, name in zip(classes, wanted, strict=True) if name not in by_name]
    raise UserError(
        f"{where}: {len(folders)} folders do not match {len(classes)} class names; "
        f"folders without a class: {_listed([by_name[name] for name in unknown])}; "
        f"classes without a folder: {_listed(empty)}",
        remedy="rename the folders, or give the class names in a YAML of your own",
    )


def _plain(name: str) -> str:
    return re.sub(r"[\s_\-]+", " ", name).strip().casefold()


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:SHOWN])
    return f"{shown} and {len(names) - SHOWN} more" if len(names) > SHOWN else shown or "none"


def _images(folder: Path, *, deep: bool) -> list[Path]:
    found = folder.rglob("*") if deep else folder.iterdir()
    return sorted(path for path in found if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())


def _by_file_name(root: Path) -> dict[str, list[Path]]:
    """Images directly in a folder, by the class in their names."""
    found: dict[str, list[Path]] = {}
    for path in _images(root, deep=False):
        if match := FLAT_NAME.fullmatch(path.stem):
            found.setdefault(match["name"], []).append(path)
    return found
