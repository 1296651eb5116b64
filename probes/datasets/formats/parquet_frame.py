"""A parquet file as a frame: nested columns are left out, damage and attacks on the memory are refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from clipmodel.errors import UserError, damage_told_by
from clipmodel.yaml_models import shortened

__all__ = [
    "MOST_BYTES",
    "damage_named",
    "lists_not_read",
    "parquet_frame",
    "readable_columns",
    "with_index",
    "words",
]

MOST_BYTES, MOST_RATIO = 1 << 29, 200  # of all values at 8 bytes, and how often the size of the file that is


def parquet_frame(file: Path, *, nested: Sequence[str] = ()) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The columns of a parquet file, its named index among them, and what was left out, a sentence each.

    Columns of lists or records are no labels and are left out.

    Parameters
    ----------
    file
        The parquet file.
    nested
        Columns that may hold lists, such as that of embeddings.

    Raises
    ------
    UserError
        It is damaged, two columns have one name, or it unpacks to far more than its size.
    """
    with damage_named(file):
        names, lists = readable_columns(file, nested=nested)
        table = pd.read_parquet(file, columns=names)
    table = with_index(table)
    return table, ((lists_not_read(lists),) if lists else ())


@contextmanager
def damage_named(file: Path) -> Iterator[None]:
    """Turn whatever a damaged file raises while it is read into a UserError that names it."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # its footer, schema, pages, words and pandas' metadata each raise their own
        reason = shortened(damage_told_by(error))
        raise UserError(
            f"{file}: not a parquet file, or damaged ({reason})", remedy="write it again"
        ) from error


def readable_columns(file: Path, *, nested: Sequence[str] = ()) -> tuple[list[str], list[str]]:
    """The columns of a file that are read, and those of lists or records, by its footer alone.

    What the file would unpack to is judged here, before it is unpacked; see `parquet_frame`.
    """
    schema, metadata = pq.read_schema(file), pq.read_metadata(file)
    names = [str(name) for name in schema.names]
    lists = [name for name in names if _is_nested(schema, name) and name not in nested]
    _refuse_header_levels(file, schema)
    _refuse_several(file, names)
    _refuse_bomb(file, metadata.num_rows * len(names))
    return [name for name in names if name not in lists], lists


def lists_not_read(lists: Sequence[str]) -> str:
    """What is said of columns that are left out."""
    return f"Columns of lists or records are not read: {', '.join(lists)}."


def words(strings: pa.ChunkedArray) -> pd.Series:
    """Strings as a column that keeps them in their Arrow array; NaN where there is none."""
    # pandas' stubs lack the method by which Arrow itself makes such columns.
    dtype: Any = pd.StringDtype(na_value=np.nan)
    return pd.Series(dtype.__from_arrow__(strings))


def _is_nested(schema: pa.Schema, name: str) -> bool:
    positions = schema.get_all_field_indices(name)
    return any(pa.types.is_nested(schema.field(position).type) for position in positions)


def _refuse_header_levels(file: Path, schema: pa.Schema) -> None:
    """Refuse columns that pandas named by several levels: the file has them as tuples in Python's words."""
    levels = (schema.pandas_metadata or {}).get("column_indexes") or [{}]
    if len(levels) > 1:
        raise UserError(
            f"{file}: its columns have names of {len(levels)} levels, expected one name a column",
            remedy="join the levels in pandas: t.columns = ['_'.join(map(str, c)) for c in t.columns]",
        )


def _refuse_several(file: Path, names: Sequence[str]) -> None:
    if repeated := next((name for i, name in enumerate(names) if name in names[:i]), None):
        raise UserError(f"{file}: the column {repeated!r} is there twice", remedy="rename or drop one")


def _refuse_bomb(file: Path, n_values: int) -> None:
    """Refuse a small file that says it holds billions of values: one value, repeated, takes a few bytes."""
    size = file.stat().st_size
    if 8 * n_values > max(MOST_BYTES, MOST_RATIO * size):
        raise UserError(
            f"{file}: {n_values:,} values in {size:,} bytes, refused as an attack on the memory",
            remedy="give a part of it, or write it as CSV",
        )


def with_index(table: pd.DataFrame) -> pd.DataFrame:
    """The table with the levels of its index that have a name as columns: pandas users keep keys there."""
    levels = [name for name in table.index.names if name is not None and name not in table]
    kept: pd.DataFrame = table.reset_index()[[*levels, *table.columns]] if levels else table
    return kept.reset_index(drop=True)
