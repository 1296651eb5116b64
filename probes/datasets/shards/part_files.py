"""The parts of a table in a folder: which files they are, in which order, and what names of folders say.

Spark, Ray, DuckDB, Dask and Polars write part-00000.parquet and so on beside markers (_SUCCESS), checksums
(.crc) and other hidden files; or one folder a value, as Hive did: race=White/part-00000.parquet, in which the
column is not in the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from clipmodel.errors import UserError
from clipmodel.yaml_models import shortened
from probes.datasets.formats.other_kinds import foreign_name
from probes.label_text import clean_label

__all__ = ["PartFile", "holds_parts", "part_files"]

CARD = "card.yaml"  # what an owner writes of the data; see `probes.datasets.cards.card_file`
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
HIDDEN_REMEDY = "move it out of the folder; names that begin with . or _ are left out"
# Folders whose files are no table by themselves: some hold rows that were deleted or replaced since.
MANAGED = {
    "_delta_log": ("a Delta table", "write its rows out as parquet"),
    ".hoodie": ("a Hudi table", "write its rows out as parquet"),
    "_temporary": ("a job has not finished writing it", "wait for the job, or run it again"),
}


@dataclass(frozen=True, kw_only=True)
class PartFile:
    """One file of a table.

    Attributes
    ----------
    path
        The file.
    values
        Column -> its value in every row of the file, from the names of folders; None: missing.
    """

    path: Path
    values: Mapping[str, str | None]


def part_files(folder: Path, *, suffixes: tuple[str, ...]) -> list[PartFile]:
    """The parts of a table, in the order of the names of files and folders.

    Parameters
    ----------
    folder
        Where they lie, at the top or in folders named COLUMN=VALUE.
    suffixes
        The endings that parts may have; all have the same one.

    Raises
    ------
    UserError
        There is none, or something else is there: a file of another kind, a folder of another name, a file
        outside the folders that the others are in, a table of Delta or Hudi, a job that is still writing.
    """
    for name, (what, remedy) in MANAGED.items():
        if (folder / name).exists():
            raise UserError(f"{folder}: {what} (it holds {name})", remedy=remedy)
    parts = list(_parts_below(folder, {}))
    if not parts:
        raise UserError(
            f"{folder}: no part of a table in the folder",
            remedy=f"parts end in one of {', '.join(suffixes)}; names that begin with . or _ are left out",
        )
    _refuse_mixed_kinds(parts, suffixes)
    _refuse_mixed_folders(parts)
    return parts


def holds_parts(folder: Path, *, suffixes: tuple[str, ...]) -> bool:
    """Whether a path is a folder that `part_files` reads."""
    try:
        return folder.is_dir() and bool(part_files(folder, suffixes=suffixes))
    except UserError:
        return False


def _parts_below(folder: Path, values: Mapping[str, str | None]) -> Iterator[PartFile]:
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if _is_hidden(path.name) or (path.name == CARD and not values):
            continue
        if not path.is_dir():
            yield PartFile(path=path, values=values)
            continue
        name, value = _named_value(path)
        if name in values:
            raise UserError(
                f"{path}: the folder is inside another one of {name!r}", remedy="keep one of them"
            )
        yield from _parts_below(path, {**values, name: value})


def _is_hidden(name: str) -> bool:
    # A column may be called _race: its folders are no markers.
    return name.startswith(".") or (name.startswith("_") and "=" not in name)


def _named_value(folder: Path) -> tuple[str, str | None]:
    """The column and the value in the name of a folder: "race=East%20Asian" is East Asian."""
    name, equals, value = folder.name.partition("=")
    if not equals or not (column := clean_label(unquote(name))):
        raise UserError(
            f"{folder}: a folder among the parts of a table",
            remedy="name the folder that holds the parts; folders inside are called COLUMN=VALUE",
        )
    return column, None if value in (NO_VALUE, "") else unquote(value)


def _refuse_mixed_kinds(parts: list[PartFile], suffixes: tuple[str, ...]) -> None:
    kinds = Counter(kind for part in parts if (kind := part.path.suffix.lower()) in suffixes)
    if not kinds:
        raise foreign_name(parts[0].path, expected=", ".join(suffixes))
    kind, _ = kinds.most_common(1)[0]
    for part in parts:
        if (own := part.path.suffix.lower()) != kind:
            what = f"a {shortened(own)} file" if own else "a file without an ending"
            raise UserError(f"{part.path}: {what} among parts that end in {kind}", remedy=HIDDEN_REMEDY)


def _refuse_mixed_folders(parts: list[PartFile]) -> None:
    """Refuse a file that lies in other columns' folders than most: its values of a column are not known."""
    kinds = Counter(tuple(part.values) for part in parts)
    names, _ = kinds.most_common(1)[0]
    if other := next((part for part in parts if tuple(part.values) != names), None):
        where = "/".join(f"{name}=..." for name in names)
        raise UserError(
            f"{other.path}: not in folders {where} as the others" if names else
            f"{other.path}: in a folder {'/'.join(other.values)}=..., others are not",
            remedy="write all parts with the same folders",
        )  # fmt: skip
