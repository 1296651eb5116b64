"""Tables of image paths and captions: CSV and TSV, or parquet. Rows of one image are its captions.

Paths are relative to the table's folder, or to `data.image_root`; absolute paths and URLs are used as they
are. The columns are held as Arrow arrays, which forked loader workers share.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import IO, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from clipmodel.errors import UserError
from clipmodel.training.data.sources.field_names import (
    CAPTION_COLUMNS,
    IMAGE_COLUMNS,
    NO_CAPTION,
    captions_in,
    choose_column,
)
from clipmodel.training.data.sources.locations import PIPE, READ_ERRORS, opened_seekable
from clipmodel.training.data.sources.random_access import read_sample
from clipmodel.training.data.sources.separators import find_separator, header_of
from clipmodel.training.data.sources.source import Item, Skipped

MALFORMED = "row with another number of fields"
# Enough for the header and some lines, from which the separator is found.
_HEAD_BYTES = 1 << 16
_ABSOLUTE = r"^(/|[A-Za-z]:\\|[A-Za-z][A-Za-z0-9+.-]*://)"


@dataclass(frozen=True, kw_only=True)
class Columns:
    """What to read of a table; None where it is to be found out."""

    image: str | None = None
    caption: str | None = None
    separator: str | None = None
    image_root: str | None = None


class TableRows:
    """Images in the order of their first row, each with the captions of all its rows.

    Raises
    ------
    UserError
        A file cannot be read, a column is missing or could be several, or there is no row.
    """

    def __init__(self, files: Sequence[str], columns: Columns) -> None:
        self.name = files[0] if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"
        self.unusable: list[Skipped] = []
        paths, captions = [], []
        for file in files:
            image, caption = self._read(file, columns)
            folder = "" if file.startswith(PIPE) else file.rpartition("/")[0]
            paths.append(_rooted(image, folder if columns.image_root is None else columns.image_root))
            captions.append(caption)
        self._paths, numbers = _distinct(pa.chunked_array(paths))
        if not len(self._paths):
            raise UserError(f"{self.name}: no rows", remedy="check data.source in the recipe")
        # Stable: the captions of an image keep the order of their rows.
        order = np.argsort(numbers, kind="stable")
        self._captions = pa.chunked_array(captions).combine_chunks().take(pa.array(order))
        self._ends = np.cumsum(np.bincount(numbers))

    def __len__(self) -> int:
        return len(self._paths)

    def read(self, row: int) -> Item:
        path = cast("str", self._paths[row].as_py())
        start = int(self._ends[row - 1]) if row else 0
        found = self._captions.slice(start, int(self._ends[row]) - start).to_pylist()
        captions = tuple(text for value in found for text in captions_in(value))
        return read_sample(path, captions) if captions else Skipped(path, NO_CAPTION)

    def _read(self, file: str, columns: Columns) -> tuple[pa.Array, pa.Array]:
        """The two columns of a file."""
        try:
            if file.endswith(".parquet"):
                return _read_parquet(file, columns)
            with _unpacked(file) as content:
                return self._read_text(file, content, columns)
        except (*READ_ERRORS, pa.ArrowException, UnicodeDecodeError) as error:
            reason = " ".join(str(error).split())[:300]
            raise UserError(f"{file}: unreadable ({reason})", remedy="repair or remove it") from error

    def _read_text(self, file: str, content: IO[bytes], columns: Columns) -> tuple[pa.Array, pa.Array]:
        head = content.read(_HEAD_BYTES)
        content.seek(0)
        if not head.strip():
            raise UserError(f"{file}: empty", remedy="give a table with a header")
        # utf-8-sig: spreadsheets write a byte order mark, which would become part of the first column's name.
        # The cut may fall within a character, hence "replace".
        text = head.decode("utf-8-sig", errors="replace")
        wanted = [
            [columns.image.lower()] if columns.image else IMAGE_COLUMNS,
            [columns.caption.lower()] if columns.caption else CAPTION_COLUMNS,
        ]
        separator = columns.separator or find_separator(text, wanted, source=file)
        names = _chosen(file, header_of(text, separator), columns)
        table = pacsv.read_csv(
            content,
            read_options=pacsv.ReadOptions(use_threads=False),  # else rows have no numbers
            parse_options=pacsv.ParseOptions(
                delimiter=separator,
                # Captions of the web hold line breaks within quotes.
                newlines_in_values=True,
                invalid_row_handler=partial(self._note_invalid, file),
            ),
            convert_options=pacsv.ConvertOptions(
                # large_string: the offsets of a plain string array end at 2 GB of text.
                include_columns=list(names),
                column_types=dict.fromkeys(names, pa.large_string()),
            ),
        )
        image, caption = (table.column(name).combine_chunks() for name in names)
        return image, caption

    def _note_invalid(self, file: str, row: pacsv.InvalidRow) -> str:
        detail = f"{row.actual_columns} instead of {row.expected_columns}: {row.text[:80]}"
        self.unusable.append(Skipped(f"{file} row {row.number}", MALFORMED, detail))
        return "skip"


def _chosen(file: str, header: Sequence[str], columns: Columns) -> tuple[str, str]:
    image = choose_column(columns.image, header, usual=IMAGE_COLUMNS, what="image", source=file)
    caption = choose_column(columns.caption, header, usual=CAPTION_COLUMNS, what="caption", source=file)
    return image, caption


@contextmanager
def _unpacked(file: str) -> Iterator[IO[bytes]]:
    with opened_seekable(file) as content:
        yield cast("IO[bytes]", gzip.GzipFile(fileobj=content)) if file.endswith(".gz") else content


def _read_parquet(file: str, columns: Columns) -> tuple[pa.Array, pa.Array]:
    with opened_seekable(file) as content:
        names = _chosen(file, pq.read_schema(content).names, columns)
        content.seek(0)
        table = pq.read_table(content, columns=list(names))
    image, caption = (table.column(name).combine_chunks() for name in names)
    if not pa.types.is_list(caption.type):
        caption = caption.cast(pa.large_string())
    return image.cast(pa.large_string()), caption


def _rooted(paths: pa.Array, root: str) -> pa.Array:
    if not root:
        return paths
    folder, slash = (pa.scalar(text, paths.type) for text in (root.rstrip("/"), "/"))
    joined = pc.binary_join_element_wise(folder, paths, slash)
    return pc.if_else(pc.match_substring_regex(paths, _ABSOLUTE), paths, joined)


def _distinct(paths: pa.ChunkedArray) -> tuple[pa.Array, np.ndarray]:
    """Each path once, in the order in which they come first, and its number for each row."""
    # Arrow numbers the values in the order in which they come first.
    encoded = paths.combine_chunks().dictionary_encode()
    return encoded.dictionary, encoded.indices.to_numpy()
