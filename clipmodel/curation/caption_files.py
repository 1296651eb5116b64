"""Files of captions, read in batches: parquet, CSV, TSV, and plain text with one caption a line.

However large a file or a row group of parquet, one batch is in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from clipmodel.errors import UserError

Format = Literal["parquet", "csv", "tsv", "text"]
FORMATS: dict[str, Format] = {".parquet": "parquet", ".csv": "csv", ".tsv": "tsv", ".txt": "text"}
ROWS = 8192  # in a batch
_BUFFER_BYTES = 1 << 20
_MEND = "repair or remove the file, or say what it is with --format"


@dataclass(frozen=True)
class Batch:
    """Consecutive rows of a shard."""

    first_row: int
    keys: list[str] | None  # None where the shard has no key column
    captions: list[str | None]
    read: float  # share of the shard that has been read, 0 to 1


@dataclass(frozen=True, kw_only=True)
class Shard:
    """One file of captions.

    Attributes
    ----------
    path
        The file; .gz is unpacked on the way (CSV, TSV, text).
    format
        Of the file; text has no columns.
    caption, key
        Names of columns. The key tells rows with equal captions apart.
    """

    path: Path
    format: Format
    caption: str = "caption"
    key: str | None = None

    @property
    def size_bytes(self) -> int:
        return self.path.stat().st_size

    @property
    def columns(self) -> list[str]:
        """The columns to read, the caption first."""
        return [self.caption, *([self.key] if self.key else [])]

    def check(self) -> None:
        """Look at the columns, not at the rows; a file of no bytes is an empty shard.

        Raises
        ------
        UserError
            The file is unreadable or has no such column.
        """
        if not self.size_bytes or self.format == "text":
            return
        with _explained(self.path):
            found = _parquet_types(self.path) if self.format == "parquet" else _delimited_names(self)
        for name in self.columns:
            if name not in found:
                raise UserError(
                    f"{self.path}: no column {name!r}; its columns: {', '.join(found)}",
                    remedy="name the columns with --caption and --key, or the kind of file with --format",
                )
            if found[name] is not None and not _is_text(found[name], key=name == self.key):
                raise UserError(
                    f"{self.path}: column {name!r} holds {found[name]}, expected text", remedy=_MEND
                )

    def batches(self) -> Iterator[Batch]:
        """The rows in order.

        Raises
        ------
        UserError
            The file is unreadable, or a row has no key.
        """
        if not self.size_bytes:
            return
        read = {"parquet": _parquet_batches, "text": _text_batches}.get(self.format, _delimited_batches)
        row = 0
        with _explained(self.path):
            for columns, done in read(self):
                captions = columns[0]
                keyed = self.key and self.format != "text"
                yield Batch(row, self._keys(columns[1], row) if keyed else None, captions, done)
                row += len(captions)

    def _keys(self, column: list[str | None], first_row: int) -> list[str]:
        keys = [key for key in column if key is not None]
        if len(keys) < len(column):
            raise UserError(
                f"{self.path}, row {first_row + column.index(None) + 1}: no {self.key!r}",
                remedy="give every row a key, or leave --key out",
            )
        return keys


class Texts:
    """The captions of some shards, missing ones left out, as an iterable that can be read again."""

    def __init__(self, shards: Sequence[Shard]) -> None:
        self._shards = shards

    def __iter__(self) -> Iterator[str]:
        for shard in self._shards:
            for batch in shard.batches():
                yield from (text for text in batch.captions if text)


def find_shards(
    paths: Iterable[Path], *, caption: str = "caption", key: str | None = None, format: Format | None = None
) -> list[Shard]:
    """Shards from files and folders, checked; those of a folder in the order of their names.

    Parameters
    ----------
    paths
        Files, or folders of which the files of a known kind are taken.
    caption, key
        Names of columns.
    format
        Of all files; by default by their endings, before which .gz does not count.

    Raises
    ------
    UserError
        A path does not exist; a file is of no known kind, unreadable or without the columns; or none is left.
    """
    shards = []
    for path in paths:
        if not path.exists():
            raise UserError(f"{path}: no such file or folder", remedy="check the path")
        inside = sorted(file for file in path.iterdir() if file.is_file()) if path.is_dir() else [path]
        for file in inside:
            kind = format or _kind(file)
            if kind is not None:
                shards.append(Shard(path=file, format=kind, caption=caption, key=key))
            elif not path.is_dir():
                raise UserError(
                    f"{file}: a kind of file not known by its name", remedy="say it with --format"
                )
    if not shards:
        raise UserError("no files of captions", remedy=f"give files or folders of {', '.join(FORMATS)}")
    for shard in shards:
        shard.check()
    return shards


def _kind(path: Path) -> Format | None:
    name = path.name.lower().removesuffix(".gz")
    return next((kind for ending, kind in FORMATS.items() if name.endswith(ending)), None)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """What can be wrong with a file, as an error that names it."""
    try:
        yield
    except (OSError, EOFError, UnicodeDecodeError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: unreadable ({reason[:200]})", remedy=_MEND) from error


def _is_text(type_: pa.DataType, *, key: bool) -> bool:
    value = type_.value_type if pa.types.is_dictionary(type_) else type_
    text = pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_string_view(value)
    # Integer keys are common in parquet; integer captions are a wrong column.
    return text or (key and pa.types.is_integer(value))


def _strings(column: pa.Array) -> list[str | None]:
    strings: list[str | None] = column.cast(pa.string()).to_pylist()
    return strings


def _parquet_types(path: Path) -> dict[str, pa.DataType]:
    schema = pq.read_schema(path)
    return dict(zip(schema.names, schema.types, strict=True))


def _parquet_batches(shard: Shard) -> Iterator[tuple[list[list[str | None]], float]]:
    # With a buffer, a column of a row group is read piece by piece instead of as a whole.
    with pq.ParquetFile(shard.path, buffer_size=_BUFFER_BYTES, pre_buffer=False) as file:
        done, total = 0, file.metadata.num_rows
        for batch in file.iter_batches(ROWS, columns=shard.columns, use_threads=False):
            done += batch.num_rows
            yield [_strings(batch.column(name)) for name in shard.columns], done / total


@contextmanager
def _opened(path: Path) -> Iterator[tuple[pa.NativeFile, pa.NativeFile]]:
    """The content of a file, unpacked, and the file itself, whose position tells how much was read."""
    with pa.OSFile(str(path)) as raw:
        if path.suffix != ".gz":
            yield raw, raw
            return
        with pa.CompressedInputStream(raw, "gzip") as content:
            yield content, raw


def _delimited_reader(
    shard: Shard, content: pa.NativeFile, columns: Sequence[str]
) -> pacsv.CSVStreamingReader:
    return pacsv.open_csv(
        content,
        read_options=pacsv.ReadOptions(use_threads=False, block_size=_BUFFER_BYTES),
        parse_options=pacsv.ParseOptions(
            # Captions of the web hold line breaks within quotes.
            delimiter="\t" if shard.format == "tsv" else ",",
            newlines_in_values=True,
        ),
        convert_options=pacsv.ConvertOptions(
            # Read as text: Arrow would guess numbers, and dates, from the first block.
            include_columns=list(columns),
            column_types=dict.fromkeys(columns, pa.string()),
        ),
    )


def _delimited_names(shard: Shard) -> dict[str, None]:
    with _opened(shard.path) as (content, _):
        return dict.fromkeys(_delimited_reader(shard, content, ()).schema.names)


def _delimited_batches(shard: Shard) -> Iterator[tuple[list[list[str | None]], float]]:
    with _opened(shard.path) as (content, raw):
        for block in _delimited_reader(shard, content, shard.columns):
            for start in range(0, block.num_rows, ROWS):
                rows = block.slice(start, ROWS)
                yield [_strings(column) for column in rows.columns], raw.tell() / shard.size_bytes


def _text_batches(shard: Shard) -> Iterator[tuple[list[list[str | None]], float]]:
    with _opened(shard.path) as (content, raw):
        rest = b""
        while chunk := content.read(_BUFFER_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            for start in range(0, len(lines), ROWS):
                yield [[_line(line) for line in lines[start : start + ROWS]]], raw.tell() / shard.size_bytes
        if rest:
            yield [[_line(rest)]], 1.0


def _line(line: bytes) -> str:
    return line.removesuffix(b"\r").decode()
