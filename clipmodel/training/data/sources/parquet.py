"""Parquet shards with encoded images: a column of bytes (or of {bytes, path}) and one of captions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from clipmodel.errors import UserError
from clipmodel.training.data.sources.field_names import (
    CAPTION_COLUMNS,
    IMAGE_COLUMNS,
    NO_CAPTION,
    NO_IMAGE,
    captions_in,
    choose_column,
)
from clipmodel.training.data.sources.locations import READ_ERRORS, opened_seekable
from clipmodel.training.data.sources.source import Item, Sample, Skipped
from clipmodel.training.data.sources.tar import BROKEN, EMPTY

ROWS = 64  # in memory at a time
DAMAGE = (*READ_ERRORS, pa.ArrowException)


class ParquetReader:
    """Samples of one shard after another.

    Parameters
    ----------
    image, caption
        Columns; by default those with a usual name.
    """

    def __init__(self, *, image: str | None = None, caption: str | None = None) -> None:
        self._image, self._caption = image, caption

    def columns(self, shard: str) -> tuple[str, str]:
        """Names of the columns of images and captions.

        Raises
        ------
        UserError
            The shard cannot be read, or a column is missing, could be several, or holds something else.
        """
        try:
            with opened_seekable(shard) as file:
                schema = pq.read_schema(file)
        except DAMAGE as error:
            raise UserError(f"{shard}: unreadable ({error})", remedy="restore or remove it") from error
        return self._chosen(shard, schema)

    def _chosen(self, shard: str, schema: pa.Schema) -> tuple[str, str]:
        image = choose_column(self._image, schema.names, usual=IMAGE_COLUMNS, what="image", source=shard)
        kind = schema.field(image).type
        encoded = kind.field("bytes").type if _has_bytes(kind) else kind
        if not (pa.types.is_binary(encoded) or pa.types.is_large_binary(encoded)):
            raise UserError(
                f"{shard}: column {image!r} holds {kind}, expected encoded images", remedy="name another"
            )
        caption = choose_column(
            self._caption, schema.names, usual=CAPTION_COLUMNS, what="caption", source=shard
        )
        return image, caption

    def samples(self, shard: str, *, first: int, keep: Callable[[int], bool]) -> Iterator[tuple[int, Item]]:
        """Number in the shard and content of the rows from `first` on that `keep` wants, in order."""
        number = first - 1
        try:
            with opened_seekable(shard) as file:
                table = pq.ParquetFile(file)
                # Chosen in each shard anew: files of one set may order their columns differently.
                names = self._chosen(shard, table.schema_arrow)
                if not table.metadata.num_rows:
                    yield 0, Skipped(shard, EMPTY, is_shard=True)
                for number, row in _rows(table, names, first=first):
                    if keep(number):
                        yield number, _sample(f"{shard} row {number}", *row)
        except (UserError, *DAMAGE) as error:
            yield number + 1, Skipped(shard, BROKEN, str(error), is_shard=True)


def _has_bytes(kind: pa.DataType) -> bool:
    found: bool = pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0
    return found


def _rows(table: pq.ParquetFile, names: tuple[str, str], *, first: int) -> Iterator[tuple[int, list[Any]]]:
    start = 0
    for group in range(table.num_row_groups):
        end = start + table.metadata.row_group(group).num_rows
        if end > first:
            number = start
            # Threads of Arrow would compete with the loader's own workers.
            for batch in table.iter_batches(ROWS, row_groups=[group], columns=list(names), use_threads=False):
                columns = [batch.column(name) for name in names]
                for i in range(max(0, first - number), batch.num_rows):
                    yield number + i, [column[i].as_py() for column in columns]
                number += batch.num_rows
        start = end


def _sample(key: str, image: Any, caption: Any) -> Item:
    # The struct is how Hugging Face's datasets store images.
    encoded = image.get("bytes") if isinstance(image, dict) else image
    if not encoded:
        return Skipped(key, NO_IMAGE)
    captions = captions_in(caption)
    return Sample(key, encoded, captions) if captions else Skipped(key, NO_CAPTION)
