"""Images of your own: a CSV or parquet table with a column of paths and one column an attribute."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa

from clipmodel.errors import UserError
from probes.datasets.base import ID, VISIBLE_PREFIX, DataCard, DemographicDataset, read_image_file

PATH_COLUMNS = ("path", "file", "filename", "file_name", "image", "image_path", "filepath", "file_path")
CLUSTER_COLUMNS = ("cluster", "subject_id", "person_id")
SEPARATORS = ",;\t|"
SUFFIXES = (".csv", ".tsv", ".txt", ".parquet")
TRUE, FALSE = ("true", "1", "yes"), ("false", "0", "no", "")


class TableDataset(DemographicDataset):
    """A table beside its images.

    Paths are relative to the table's folder and may not leave it. Columns: one of `PATH_COLUMNS`;
    optionally one of `CLUSTER_COLUMNS` (images of one person) and visible_<attribute> (true or false);
    every other column is an attribute. An empty field is a missing label.

    Raises
    ------
    UserError
        The table cannot be read, has no column of paths or no attribute, repeats a path, or names one
        outside its folder.
    """

    def __init__(self, file: Path) -> None:
        table = read_table(file)
        path_column = first_of(PATH_COLUMNS, table)
        if path_column is None:
            found = ", ".join(map(str, table.columns))
            raise UserError(
                f"{file}: no column of image paths among: {found}", remedy=f"name it {PATH_COLUMNS[0]!r}"
            )
        cluster = first_of(CLUSTER_COLUMNS, table)
        special = {path_column, cluster}
        attributes = [c for c in map(str, table) if c not in special and not c.startswith(VISIBLE_PREFIX)]
        if not attributes:
            raise UserError(
                f"{file}: no attribute column beside {path_column!r}", remedy="add one, such as gender"
            )
        self._paths = _checked_paths(file, table[path_column])
        frame = table.rename(columns={path_column: ID})
        for column in [c for c in map(str, table) if c.startswith(VISIBLE_PREFIX)]:
            frame[column] = _booleans(file, table[column])
        card = DataCard(
            name=file.stem, title=file.name, version="not stated", licence="not stated", consent="not stated",
            label_provenance="not stated", caution="The table does not say how its labels came about.",
            cluster=cluster,
        )  # fmt: skip
        super().__init__(frame, attributes=attributes, card=card)

    def read_bytes(self, row: int) -> bytes:
        return read_image_file(self._paths[row])


def read_table(file: Path) -> pd.DataFrame:
    """A CSV, TSV or parquet file as strings; NaN where a field is empty. The separator is detected.

    Raises
    ------
    UserError
        The file is missing, empty, of another kind, or damaged.
    """
    if not file.is_file():
        raise UserError(f"no table at {str(file)!r}", remedy="check the path after the colon")
    if file.suffix.lower() not in SUFFIXES:
        raise UserError(f"{file}: not a table by its name", remedy=f"use one of {', '.join(SUFFIXES)}")
    table = _read_parquet(file) if file.suffix.lower() == ".parquet" else _read_text(file)
    if repeated := sorted(set(table.columns[table.columns.duplicated()])):
        raise UserError(f"{file}: the column {repeated[0]!r} is there twice", remedy="rename or drop one")
    if table.empty:
        raise UserError(f"{file}: the table has no rows", remedy="write one row an image")
    return table


def _read_parquet(file: Path) -> pd.DataFrame:
    try:
        table = pd.read_parquet(file)
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"{file}: not a parquet file, or damaged", remedy="write it again") from error
    return as_strings(table)


def as_strings(table: pd.DataFrame) -> pd.DataFrame:
    """Every value as a string, whole numbers without a point; NaN where it is missing or empty."""
    text = table.convert_dtypes().astype("string").astype(object)
    return text.where(text.notna() & (text != ""))


def _read_text(file: Path) -> pd.DataFrame:
    try:
        # utf-8-sig: spreadsheets put a byte order mark before the first column's name.
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{file}: not UTF-8 text", remedy="save it as UTF-8") from error
    separator = max(SEPARATORS, key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text), delimiter=separator)
    header = next(reader, [])
    rows = []
    for fields in reader:
        if fields and len(fields) != len(header):
            raise UserError(
                f"{file}, line {reader.line_num}: {len(fields)} fields, the header has {len(header)}",
                remedy="put a field that holds the separator in quotes",
            )
        if fields:
            rows.append(fields)
    table = pd.DataFrame(rows, columns=header, dtype=object)
    # Only the empty field is missing: "NA" and "None" may be values.
    return table.where(table != "")


def first_of(names: Sequence[str], table: pd.DataFrame) -> str | None:
    """The first of some names that is a column."""
    return next((name for name in names if name in table), None)


def _checked_paths(file: Path, names: pd.Series) -> list[Path]:
    folder = file.parent.resolve()
    if names.isna().any():
        raise UserError(
            f"{file}, line {_line(names.isna())}: the path is empty", remedy="give every row its image"
        )
    if names.duplicated().any():
        line = _line(names.duplicated())
        raise UserError(f"{file}, line {line}: the image is there twice", remedy="keep one row an image")
    paths = [(folder / name).resolve() for name in names]
    outside = pd.Series([not path.is_relative_to(folder) for path in paths])
    if outside.any():
        name = names[outside.to_numpy().argmax()]
        raise UserError(
            f"{file}, line {_line(outside)}: {name!r} is outside the folder of the table",
            remedy="put the table at the top of its images",
        )
    return paths


def _line(wrong: pd.Series) -> int:
    """The line of the first wrong row, counted from 1; the header is line 1."""
    return int(wrong.to_numpy().argmax()) + 2


def _booleans(file: Path, column: pd.Series) -> pd.Series:
    words = column.fillna("").str.lower()
    wrong = ~words.isin([*TRUE, *FALSE])
    if wrong.any():
        value = column[wrong.to_numpy().argmax()]
        raise UserError(
            f"{file}, line {_line(wrong)}: {column.name} is {value!r}", remedy="write true or false"
        )
    return words.isin(TRUE)
