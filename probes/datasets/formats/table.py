"""Images of your own: a CSV or parquet table with a column of paths and one column per attribute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from clipmodel.errors import UserError
from probes.datasets.annotation_tables import (
    add_repair,
    first_of,
    place,
    read_table,
    repairs,
    without_repeated_rows,
)
from probes.datasets.cards import card_file, describe, image_folders, unknown_card
from probes.datasets.checks.attribute_notes import with_attribute_notes
from probes.datasets.dataset_kind import DatasetKind
from probes.datasets.demographic_dataset import (
    ID,
    VISIBLE_PREFIX,
    DemographicDataset,
    UnreadableImageError,
    read_image_file,
)
from probes.datasets.fairface_age_bands import BAND, undated
from probes.datasets.image_paths import first_outside, images_example, outside_words
from probes.datasets.shards.row_places import located

# image_id comes last: beside a path it is usually a number that no file has.
PATH_COLUMNS = (
    "path", "file", "filename", "file_name", "image", "image_path", "filepath", "file_path", ID,
)  # fmt: skip
CLUSTER_COLUMNS = (
    "cluster", "subject_id", "person_id", "participant_id", "individual_id", "person", "subject",
    "participant",
)  # fmt: skip
TRUE, FALSE = ("true", "1", "yes"), ("false", "0", "no", "")


class TableDataset(DemographicDataset):
    """A table beside its images.

    Paths are relative to the table's folder and may not leave it, unless the card beside the table names
    other folders (see `probes.datasets.cards.WrittenCard`). Columns: one of `PATH_COLUMNS`; optionally one of
    `CLUSTER_COLUMNS` (images of one person) and visible_<attribute> (true or false); every other column is an
    attribute, unless the card chooses. An empty field is a missing label. Repaired with a warning: rows that
    repeat another one in full, bands that a spreadsheet made dates of, paths with the slashes of Windows.

    Raises
    ------
    UserError
        The table or its card cannot be read, has no column of paths or no attribute, repeats a path with
        other labels, or names one outside its folder.
    """

    def __init__(self, file: Path) -> None:
        table = read_table(file)
        path_column = first_of(PATH_COLUMNS, table)
        if path_column is None:
            found = ", ".join(map(str, table.columns))
            raise UserError(
                f"{file}: no column of image paths among: {found}", remedy=f"name it {PATH_COLUMNS[0]!r}"
            )
        table = one_column_of_ids(file, table, path_column)
        table = _with_slashes(file, without_repeated_rows(table, path_column, file=file), path_column)
        cluster = first_of(CLUSTER_COLUMNS, table)
        special = {path_column, cluster}
        attributes = [c for c in map(str, table) if c not in special and not c.startswith(VISIBLE_PREFIX)]
        if not attributes:
            raise UserError(
                f"{file}: no attribute column beside {path_column!r}", remedy="add one, such as gender"
            )
        table = with_bands(file, table, attributes)
        self._paths = _checked_paths(file, table[path_column])
        card = unknown_card(
            file.stem, file.name, caution="The table does not say how its labels came about.",
            notes=repairs(table),
        )  # fmt: skip
        frame = with_visibility(file, table).rename(columns={path_column: ID})
        known = describe(frame, file, attributes=attributes, card=replace(card, cluster=cluster),
                         annotators=True)  # fmt: skip
        super().__init__(
            known.frame, attributes=known.attributes, card=with_attribute_notes(known), orders=known.orders,
            annotations=known.annotations,
        )  # fmt: skip

    def path_of(self, row: int) -> Path:
        """The file of a row."""
        return self._paths[row]

    def read_bytes(self, row: int) -> bytes:
        if str(self.frame[ID].iloc[row]).startswith(("http://", "https://")):
            raise UnreadableImageError("a URL in the place of a file: download the image")
        return read_image_file(self._paths[row])


def one_column_of_ids(file: Path, table: pd.DataFrame, path: str | None) -> pd.DataFrame:
    """The table without a column image_id beside the column that images are called by."""
    if path in (None, ID) or ID not in table:
        return table
    table = table.drop(columns=ID)
    add_repair(table, f"Images are called as in the column {path!r}; {ID!r} was not read.", file=file)
    return table


def with_visibility(file: Path, table: pd.DataFrame) -> pd.DataFrame:
    """The table with truth values in its columns visible_<attribute>."""
    columns = [name for name in map(str, table) if name.startswith(VISIBLE_PREFIX)]
    return table.assign(**{name: _booleans(file, table[name]) for name in columns})


def with_bands(file: Path, table: pd.DataFrame, attributes: Sequence[str]) -> pd.DataFrame:
    """The table with its bands back where a spreadsheet made dates of some: 3-9 out of 9-Mar.

    A column of dates alone stays: only beside other bands is a date known to have been one.
    """
    for name in attributes:
        values = table[name].dropna().unique()
        bands = {value: undated(value) for value in values if undated(value) != value}
        if bands and any(BAND.fullmatch(value) for value in values):
            n = int(table[name].isin(list(bands)).sum())
            table = table.assign(**{name: table[name].replace(bands)})
            add_repair(
                table, f"{n:,} values of {name} that a spreadsheet made dates of are bands again.", file=file
            )
    return table


def _with_slashes(file: Path, table: pd.DataFrame, column: str) -> pd.DataFrame:
    names = table[column]
    # With both kinds a backslash may be part of a name.
    if not names.str.contains("\\", regex=False).any() or names.str.contains("/", regex=False).any():
        return table
    table = table.assign(**{column: names.str.replace("\\", "/", regex=False)})
    add_repair(table, "The backslashes in the paths were read as slashes.", file=file)
    return table


def refuse_no_names(file: Path, names: pd.Series) -> None:
    """Refuse a column of paths in which one is empty or can be no file's name."""
    if (empty := names.isna()).any():
        where = located(file, names.index, int(empty.to_numpy().argmax()))
        raise UserError(f"{where}: the path is empty", remedy="give every row its image")
    if (damaged := names.str.contains("\0", regex=False)).any():
        where = located(file, names.index, int(damaged.to_numpy().argmax()))
        raise UserError(
            f"{where}: the path holds a NUL byte, which no name of a file has",
            remedy="the table is damaged there: write it again",
        )


def _checked_paths(file: Path, names: pd.Series) -> list[Path]:
    refuse_no_names(file, names)
    if names.duplicated().any():
        raise UserError(
            f"{file}, {place(names.duplicated())}: the image is there twice, with other labels",
            remedy="keep one row per image",
        )
    outside = first_outside(file.parent, names.tolist(), folders=image_folders(file))
    if outside is not None:
        where = f"{names.index.name} {names.index[outside]}"
        name = str(names.iloc[outside])
        raise UserError(
            f"{file}, {where}: {outside_words(file.parent, name)}",
            remedy=f"put the table at the top of its images, or write into {card_file(file).name}:  "
            + images_example((file.parent / name).resolve().parent),
        )
    return [file.parent / name for name in names]


def _booleans(file: Path, column: pd.Series) -> pd.Series:
    words = column.fillna("").str.lower()
    wrong = ~words.isin([*TRUE, *FALSE])
    if wrong.any():
        first = int(wrong.to_numpy().argmax())
        raise UserError(
            f"{located(file, column.index, first)}: {column.name} is {column.iloc[first]!r}",
            remedy="write true or false",
        )
    return words.isin(TRUE)


KINDS = (
    DatasetKind(
        name="table",
        load=TableDataset,
        title="CSV, TSV or parquet: a column of paths, a column per attribute",
    ),
)
