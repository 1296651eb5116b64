"""A table that lies in a folder, in parts: the batches of rows that one file of the same rows would give."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from clipmodel.errors import UserError
from probes.datasets.annotation_tables import SUFFIXES, no_rows
from probes.datasets.formats.table_batches import BATCH_ROWS, BLOCK_CHARACTERS, TableBatches, share_days
from probes.datasets.shards.part_files import PartFile, part_files
from probes.datasets.shards.row_places import PartRows, located
from probes.label_text import number_text

__all__ = ["TableShards"]

OF_ALL_COLUMNS = "write every part with the same columns; a CSV file names them in its first line"


class TableShards:
    """The rows of the parts of a table, in the order of their names; each iteration reads them again.

    The index of a batch counts rows from 0 through all parts; its name (`row_places.PartRows`) knows the part
    and the line or row. Columns that only names of folders hold, race=White, come last. A part
    may have no rows: some engines write such a one if a task had nothing to write.

    Parameters
    ----------
    folder
        Where they lie (see `part_files`).
    batch_rows, block_characters, as_numbers
        As of `TableBatches`.

    Attributes
    ----------
    file
        The folder.
    columns
        The names of the columns.
    repairs
        What the last complete iteration repaired, a sentence each; counted over all parts.

    Raises
    ------
    UserError
        As `part_files` and `TableBatches`, which name the part; a part has other columns than the first one,
        or another type of one; or no part has a row.
    """

    def __init__(
        self,
        folder: Path,
        *,
        batch_rows: int = BATCH_ROWS,
        block_characters: int = BLOCK_CHARACTERS,
        as_numbers: Callable[[str], bool] = lambda name: False,
    ) -> None:
        self.file, self.repairs = folder, list[str]()
        self._parts = part_files(folder, suffixes=SUFFIXES)
        self._tables = [
            _opened(part, batch_rows=batch_rows, block_characters=block_characters, as_numbers=as_numbers)
            for part in self._parts
        ]
        for table in self._tables:
            _refuse_other_columns(self._tables[0], table)
        _refuse_other_types(self._tables)
        share_days(self._tables)
        self._own = self._tables[0].columns
        self._of_folders = [name for name in self._parts[0].values if name not in self._own]
        self.columns = [*self._own, *self._of_folders]

    def __iter__(self) -> Iterator[pd.DataFrame]:
        places = PartRows()
        for part, table in zip(self._parts, self._tables, strict=True):
            values = {n: np.nan if part.values[n] is None else part.values[n] for n in self._of_folders}
            # In one file, a row with a value for the folder's column would not be empty.
            known = any(part.values[name] is not None for name in self._of_folders)
            for rows in table.batches(keep_empty=known):
                frame = rows[self._own]
                frame.index = places.add(part.path, rows.index)
                _refuse_other_values(part, frame)
                yield frame.assign(**values).astype(dict.fromkeys(values, object)) if values else frame
        if not places.n_rows:
            raise no_rows(self.file)
        self.repairs = TableBatches.sentences(self._tables)


def _opened(
    part: PartFile, *, batch_rows: int, block_characters: int, as_numbers: Callable[[str], bool]
) -> TableBatches:
    if part.path.is_file() and not part.path.stat().st_size:
        raise UserError(f"{part.path}: the file is empty", remedy="write it again, or delete it")
    return TableBatches(
        part.path, batch_rows=batch_rows, block_characters=block_characters, as_numbers=as_numbers
    )


def _refuse_other_values(part: PartFile, rows: pd.DataFrame) -> None:
    """Refuse rows that say otherwise than their folder: Polars writes the column into the files as well."""
    for name, value in part.values.items():
        if name not in rows:
            continue
        folder = None if value is None else number_text(value)
        # A batch of rows has few distinct values, and as a rule one.
        others = [own for own in rows[name].dropna().unique() if number_text(own) != folder]
        wrong = rows[name].isin(others) | (rows[name].isna() if folder is not None else False)
        if wrong.any():
            first = int(wrong.to_numpy().argmax())
            own = rows[name].fillna("empty").iloc[first]
            raise UserError(
                f"{located(part.path, rows.index, first)}: {name} is {own}, in a folder of {name} {folder}",
                remedy="write the table again",
            )


def _refuse_other_columns(first: TableBatches, other: TableBatches) -> None:
    """Refuse a part that has other columns than the first one; their order may differ."""
    if absent := [name for name in first.columns if name not in other.columns]:
        found = ", ".join(other.columns)
        raise UserError(
            f"{other.file}: no column {absent[0]!r}, which {first.file} has, among: {found}",
            remedy=OF_ALL_COLUMNS,
        )
    if more := [name for name in other.columns if name not in first.columns]:
        raise UserError(
            f"{other.file}: a column {more[0]!r}, which {first.file} has not", remedy=OF_ALL_COLUMNS
        )


def _refuse_other_types(tables: Sequence[TableBatches]) -> None:
    """Refuse a parquet part whose column is of another type than an earlier part's."""
    known: dict[str, tuple[str, str]] = {}
    for table in tables:
        for name, kind in table.types.items():
            # A part in which no value is known has a column of nulls.
            if pa.types.is_null(kind):
                continue
            own = _family(kind)
            family, where = known.setdefault(name, (own, str(table.file)))
            if own != family:
                raise UserError(
                    f"{table.file}: the column {name!r} holds {own}, in {where} it holds {family}",
                    remedy="write it with one type in every part",
                )


def _family(kind: pa.DataType) -> str:
    """What a column holds; types of one family write equal values alike, such as whole numbers and floats."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    families = {
        "numbers": (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal),
        "text": (
            pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view,
            pa.types.is_binary, pa.types.is_large_binary,
        ),
        "truth values": (pa.types.is_boolean,),
        "dates": (pa.types.is_date,),
        "times": (pa.types.is_timestamp,),
    }  # fmt: skip
    return next((name for name, tests in families.items() if any(t(kind) for t in tests)), str(kind))
