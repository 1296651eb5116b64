"""A table of annotations a batch of rows at a time, for files that do not fit the memory as strings.

The batches hold what `annotation_tables.read_table` reads whole: the same strings, with the same repairs and
the same messages, under the same numbers of lines or rows.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from probes.datasets.annotation_tables import (
    LINE,
    QUOTE,
    ROW,
    SEPARATOR_LINE,
    SEPARATORS,
    UNNAMED,
    as_strings,
    blank_at_an_edge,
    blanks_removed,
    check_table_file,
    decoded,
    empty_rows_dropped,
    irregular_records,
    nameless,
    no_rows,
    refuse_repeated_columns,
    regular_rows,
    without_blanks,
)
from probes.datasets.formats.parquet_frame import damage_named, lists_not_read, readable_columns, with_index
from probes.label_text import clean_label

__all__ = ["BATCH_ROWS", "TableBatches", "share_days"]

BATCH_ROWS = 65_536
BLOCK_CHARACTERS = 1 << 23


class TableBatches:
    """The rows of a CSV, TSV or parquet file; each iteration reads the file again.

    Parameters
    ----------
    file
        The table.
    batch_rows
        Rows that are held at a time; of a regular CSV file, those of a block of eight million characters.
    as_numbers
        Name -> whether a column of 64-bit floats of a parquet file may stay one.

    Attributes
    ----------
    columns
        The names of the columns.
    types
        Column -> its type in a parquet file; empty for text.
    repairs
        What the last complete iteration repaired, a sentence each.

    Raises
    ------
    UserError
        As `annotation_tables.read_table`, here or on the way.
    """

    def __init__(
        self,
        file: Path,
        *,
        batch_rows: int = BATCH_ROWS,
        block_characters: int = BLOCK_CHARACTERS,
        as_numbers: Callable[[str], bool] = lambda name: False,
    ) -> None:
        self.file, self.repairs, self._n_empty = file, list[str](), 0
        self._as_numbers = as_numbers
        self._source: _Parquet | _Text = (
            _Parquet(file, batch_rows)
            if check_table_file(file)
            else _Text(file, batch_rows, block_characters)
        )
        names = pd.Index([clean_label(str(name)) for name in self._source.columns])
        unnamed = [place for place, name in enumerate(names) if UNNAMED.fullmatch(name)]
        self._refuse_nameless(unnamed)
        self._kept = [place for place in range(len(names)) if place not in unnamed]
        kept = names[self._kept]
        refuse_repeated_columns(file, kept)
        self.columns = [str(name) for name in kept]
        types = self._source.types
        self.types = {
            name: types[place] for name, place in zip(self.columns, self._kept, strict=True) if types
        }

    def __iter__(self) -> Iterator[pd.DataFrame]:
        n_rows = 0
        for table in self.batches():
            n_rows += len(table)
            yield table
        if not n_rows:
            raise no_rows(self.file)
        self.repairs = self.sentences([self])

    def batches(self, *, keep_empty: bool = False) -> Iterator[pd.DataFrame]:
        """As when iterating, of a file that may have no rows; empty ones are kept on request."""
        self._source.n_stripped = self._n_empty = 0
        for raw in self._source:
            table = raw.iloc[:, self._kept] if len(self._kept) < raw.shape[1] else raw
            table.columns = pd.Index(self.columns)
            table = self._strings(table)
            empty = table.isna().all(axis=1)
            if empty.any() and not keep_empty:
                self._n_empty += int(empty.sum())
                table = table[~empty]
            if len(table):
                yield table

    @staticmethod
    def sentences(tables: Sequence[TableBatches]) -> list[str]:
        """What the last complete iterations over some tables repaired, all of them as one table."""
        n_stripped = sum(table._source.n_stripped for table in tables)
        n_empty = sum(table._n_empty for table in tables)
        return [
            *([blanks_removed(n_stripped)] if n_stripped else []),
            *dict.fromkeys(note for table in tables for note in table._source.notes),
            *([empty_rows_dropped(n_empty)] if n_empty else []),
        ]

    def _strings(self, table: pd.DataFrame) -> pd.DataFrame:
        if isinstance(self._source, _Text):
            return table
        numbers = [n for n in self.columns if self._as_numbers(n) and table[n].dtype == np.float64]
        texts = as_strings(table.drop(columns=numbers), file=self.file)
        if not numbers:
            return texts
        # As text, -0.0 is written 0; adding 0 makes it so.
        return pd.concat([texts, table[numbers] + 0.0], axis=1)[self.columns]

    def _refuse_nameless(self, places: list[int]) -> None:
        """Refuse columns without a name, but for empty ones and running numbers, which are left out."""
        if not places:
            return
        running = dict.fromkeys(places, True)
        filled = dict.fromkeys(places, False)
        last = dict.fromkeys(places, np.zeros(0))
        for table in self._source:
            for place in places:
                column = table.iloc[:, place]
                numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
                steps = np.diff(np.concatenate([last[place], numbers]))
                # A single row has no steps, and still is no running number if it is a word.
                running[place] &= bool((steps == 1).all() and not np.isnan(numbers).any())
                filled[place] |= bool(column.notna().any())
                last[place] = numbers[-1:] if len(numbers) else last[place]
        for place in places:
            if filled[place] and not running[place]:
                raise nameless(self.file, place)


def share_days(tables: Sequence[TableBatches]) -> None:
    """Make parts of one table write dates alike: a time of day in one of them keeps those of all."""
    sources = [table._source for table in tables]
    several = sorted({name for one in sources if isinstance(one, _Parquet) for name in one.with_times})
    for one in sources:
        if isinstance(one, _Parquet):
            one.with_times = [name for name in several if name in one.columns]


class _Parquet:
    """Batches of a parquet file, of the types that the file has."""

    n_stripped = 0

    def __init__(self, file: Path, batch_rows: int) -> None:
        self.file, self.batch_rows = file, batch_rows
        with damage_named(file):
            self._names, lists = readable_columns(file)
            schema = pq.read_schema(file)
            self._index = _range_index(schema)
            empty = self._framed(schema.empty_table().select(self._names), 0)
            self.columns = [str(name) for name in empty.columns]
            # An index of running numbers is a note in the schema, and no column of it.
            self.types = [schema.field(n).type if n in self._names else pa.int64() for n in self.columns]
            moments = [name for name in self.columns if empty[name].dtype.kind == "M"]
            self.with_times = self._of_several_times(moments)
        self.notes = [lists_not_read(lists)] if lists else []

    def __iter__(self) -> Iterator[pd.DataFrame]:
        at = 1
        for table in self._frames(self._names):
            # As objects, a batch whose times happen to be midnight keeps them like the others.
            whole = table.astype(dict.fromkeys(self.with_times, object))
            yield whole.set_index(pd.RangeIndex(at, at + len(table), name=ROW))
            at += len(table)

    def _frames(self, names: list[str]) -> Iterator[pd.DataFrame]:
        at = 0
        # Buffered and not memory-mapped: a row group may be the whole file.
        with (
            damage_named(self.file),
            pq.ParquetFile(self.file, pre_buffer=False, buffer_size=1 << 20) as opened,
        ):
            for batch in opened.iter_batches(batch_size=self.batch_rows, columns=names):
                yield self._framed(pa.Table.from_batches([batch]), at)
                at += batch.num_rows

    def _framed(self, table: pa.Table, at: int) -> pd.DataFrame:
        """Rows as a frame, with the levels of the index that have a name as columns."""
        frame = with_index(table.to_pandas())
        if self._index is not None:
            name, start, step = self._index
            numbers = start + step * np.arange(at, at + len(frame))
            frame = frame.drop(columns=name, errors="ignore")
            frame.insert(0, name, numbers)
        return frame

    def _of_several_times(self, moments: list[str]) -> list[str]:
        """The columns of dates of which some have a time of day."""
        found = set()
        for table in self._frames(self._names) if moments else ():
            for name in moments:
                known = table[name].dropna()
                found |= {name} if (known != known.dt.normalize()).any() else set()
        return sorted(found)


def _range_index(schema: pa.Schema) -> tuple[str, int, int] | None:
    """The name, start and step of an index of running numbers with a name, which pandas keeps as a note."""
    written = (schema.pandas_metadata or {}).get("index_columns", [])
    ranges = [one for one in written if isinstance(one, dict) and one.get("kind") == "range"]
    named = [one for one in ranges if one.get("name") is not None]
    return (str(named[0]["name"]), int(named[0]["start"]), int(named[0]["step"])) if named else None


class _Text:
    """Batches of a CSV or TSV file, as strings."""

    notes: tuple[str, ...] = ()
    types: tuple[pa.DataType, ...] = ()

    def __init__(self, file: Path, batch_rows: int, block_characters: int) -> None:
        self.file, self.batch_rows, self._size = file, batch_rows, block_characters
        self.n_stripped = 0
        stated, first = self._first_lines()
        # The header decides: names of columns hold no separators, values may.
        self.separator = stated or max(SEPARATORS, key=first.count)
        self._survey()
        if self._regular:
            self.columns = [name.strip() for name in first.split(self.separator)]
        else:
            self.columns = next(irregular_records(file, self._lines(), self.separator), (0, []))[1]

    def __iter__(self) -> Iterator[pd.DataFrame]:
        for table in self._regular_batches() if self._regular else self._irregular_batches():
            table = table.where(table != "")
            if self._blanks:
                table, n = without_blanks(table)
                self.n_stripped += n
            yield table

    def _blocks(self) -> Iterator[str]:
        """The text of the file, some whole lines at a time."""
        rest, first = "", True
        try:
            with self.file.open(encoding="utf-8-sig") as opened:
                while part := opened.read(self._size):
                    lines, end, rest = (rest + part).rpartition("\n")
                    if not end:
                        continue
                    match = SEPARATOR_LINE.match(lines + end) if first else None
                    first = False
                    # The line "sep=;" is left empty, which keeps the numbers of lines.
                    yield "\n" + (lines + end)[match.end() :] if match else lines + end
        except UnicodeDecodeError:
            decoded(self.file)  # which names the line
            raise
        if rest:
            yield rest

    def _first_lines(self) -> tuple[str | None, str]:
        """The separator that the first line states, and the first line with content after it."""
        try:
            with self.file.open(encoding="utf-8-sig") as opened:
                match = SEPARATOR_LINE.match(start := opened.readline())
                lines = opened if match or start == "\n" else [start]
                return match and match[1], next((line for line in lines if line != "\n"), "").rstrip("\n")
        except UnicodeDecodeError:
            decoded(self.file)
            raise

    def _survey(self) -> None:
        """Whether the text is regular, and whether blanks stand around some field; one pass."""
        counts: set[int] = set()
        self._regular, self._blanks, zeros = True, False, 0
        for block in self._blocks():
            zeros += block.count("\0")
            self._blanks = self._blanks or blank_at_an_edge(block, self.separator)
            if self._regular:
                counts |= {line.count(self.separator) for line in block.split("\n") if line}
                self._regular = QUOTE not in block and len(counts) == 1
        if 3 * zeros > self.file.stat().st_size:
            decoded(self.file)  # which refuses text of two bytes a character

    def _lines(self) -> Iterator[str]:
        for block in self._blocks():
            yield from io.StringIO(block)

    def _regular_batches(self) -> Iterator[pd.DataFrame]:
        before, headed = 0, False
        for block in self._blocks():
            numbers = [number for number, line in enumerate(block.split("\n"), start=1) if line]
            skip = 0
            if not headed and numbers:
                skip, headed = numbers.pop(0), True
            if numbers:
                table = regular_rows(block, self.separator, self.columns, skip=skip)
                table.index = pd.Index([before + number for number in numbers], name=LINE)
                yield table
            before += block.count("\n")

    def _irregular_batches(self) -> Iterator[pd.DataFrame]:
        records = irregular_records(self.file, self._lines(), self.separator)
        next(records, None)
        numbers: list[int] = []
        rows: list[list[str]] = []
        for number, fields in records:
            numbers.append(number)
            rows.append(fields)
            if len(rows) == self.batch_rows:
                yield self._frame(numbers, rows)
                numbers, rows = [], []
        if rows:
            yield self._frame(numbers, rows)

    def _frame(self, numbers: list[int], rows: list[list[str]]) -> pd.DataFrame:
        return pd.DataFrame(rows, columns=self.columns, index=pd.Index(numbers, name=LINE), dtype=str)
