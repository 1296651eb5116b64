"""New annotations for a folder of embeddings, joined by image id from tables larger than memory.

DuckDB joins, and writes what does not fit into memory to the disk; the new folder has links to the parts of
the old one, so that no embedding is copied.

N images.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from clipmodel.errors import UserError
from clipmodel.plurals import number_of
from probes.datasets.demographic_dataset import ID, VISIBLE_PREFIX
from probes.embeddings.folder import (
    ANNOTATIONS_FILE,
    DROPPED_FILE,
    JOB_FILE,
    FolderDataset,
    Job,
    checksum_of,
    part_path,
)
from probes.embeddings.shard_files import UNFINISHED, write_bytes
from probes.label_text import clean_column, clean_label, text_column

__all__ = ["Join", "Joined", "join_annotations"]

MEMORY_MB: Final = 1024
MOST_LABELS: Final = 10_000
"""Values of an attribute: a table of each combination is held in memory."""
ROWS: Final = 1 << 18
"""Of the joined table that are held at a time."""
MODE: Final = 0o644
_ROW, _KEY = "clip_audit_row", "clip_audit_key"


@dataclass(frozen=True, kw_only=True)
class Join:
    """What to take from which tables.

    Attributes
    ----------
    tables
        Parquet files, or CSV files with a header, all of the same columns.
    key
        The column of the tables that holds image ids.
    attributes
        Columns that become group attributes; those of the same name are replaced.
    cluster
        The column that says which images are of one person; None: as it was.
    memory_mb
        What DuckDB may hold.
    """

    tables: Sequence[Path]
    attributes: Sequence[str]
    key: str = ID
    cluster: str | None = None
    memory_mb: int = MEMORY_MB


@dataclass(frozen=True, kw_only=True)
class Joined:
    """How many images there are, how many of them have a row, rows of no image, and what was repaired."""

    n_images: int
    n_annotated: int
    n_unused: int
    notes: tuple[str, ...] = ()


def join_annotations(folder: Path, join: Join, *, out: Path) -> Joined:
    """Write a folder with the embeddings of another one and annotations from tables.

    An image without a row, or with an empty field, has no value of the attribute: audits count and show it
    among the excluded ones.

    Parameters
    ----------
    folder
        A finished folder of embeddings; it stays as it is.
    out
        A new or empty folder on the same file system: its parts are hard links, or copies where there are no
        links. Withdraw an image (`clip-audit data forget`) from both.

    Raises
    ------
    UserError
        DuckDB is not installed, a table cannot be read or lacks a column, an image has two rows, no image has
        any, or `out` holds files.
    """
    dataset = FolderDataset(folder)
    try:
        out.mkdir(parents=True, exist_ok=True)
        if any(not path.name.startswith(UNFINISHED) for path in out.iterdir()):
            raise UserError(f"{out}: holds files", remedy="choose an empty or a new folder with --out")
        with tempfile.TemporaryDirectory(dir=out, prefix=UNFINISHED) as scratch:
            found = _join(dataset, join, Path(scratch) / ANNOTATIONS_FILE)
            job = _job(dataset, join, found, checksum_of(Path(scratch) / ANNOTATIONS_FILE))
            (Path(scratch) / ANNOTATIONS_FILE).replace(out / ANNOTATIONS_FILE)
        _write_dropped(dataset, join, out / DROPPED_FILE)
        for number in range(job.n_parts):
            part = part_path(folder, number)
            for file in (part, part.with_suffix(".json")):
                _link(file, out / file.name)
        # Last: a folder with a job file is complete.
        write_bytes(out / JOB_FILE, job.to_json().encode(), mode=MODE)
    except OSError as error:
        raise UserError(f"{out}: cannot be written ({error})", remedy="check the disk and --out") from error
    return found


def _link(file: Path, to: Path) -> None:
    try:
        os.link(file, to)
    except OSError:  # another file system, or one without links
        shutil.copyfile(file, to)


def _join(dataset: FolderDataset, join: Join, file: Path) -> Joined:
    duckdb = _duckdb()
    with closing(duckdb.connect()) as database:
        database.execute(f"SET memory_limit = '{join.memory_mb}MB'")
        database.execute("SET temp_directory = ?", [str(file.parent)])
        database.execute("SET threads = 2")
        try:
            _views(database, dataset, join)
            _refuse_repeated(database, join)
            found = _counts(database, join)
            labels = {name: _Labels.of(database, name, join) for name in join.attributes}
            _write(database, dataset, join, file, labels)
        except duckdb.Error as error:
            first = str(error).splitlines()[0]
            raise UserError(
                f"{join.tables[0]}: cannot be joined ({first})",
                remedy="give parquet files, or CSV files in UTF-8 with a header, all of the same columns",
            ) from error
    return replace(found, notes=tuple(note for own in labels.values() for note in own.notes))


def _views(database: Any, dataset: FolderDataset, join: Join) -> None:
    """`images` with the row of each, and `told` with the key and the columns that are wanted, as text."""
    annotations = str(dataset.folder / ANNOTATIONS_FILE)
    database.read_parquet(annotations, file_row_number=True).create_view("images")
    names = [str(path) for path in join.tables]
    if all(path.suffix.lower() == ".parquet" for path in join.tables):
        tables = database.read_parquet(names)
    else:
        tables = database.read_csv(names, all_varchar=True, header=True)
    wanted = [join.key, *join.attributes, *([join.cluster] if join.cluster else [])]
    if missing := [name for name in wanted if name not in tables.columns]:
        raise UserError(
            f"{join.tables[0]}: no column {missing[0]!r}",
            remedy=f"its columns are: {', '.join(tables.columns)}",
        )
    tables.create_view("tables")
    columns = ", ".join(f"{_quoted(name)}" for name in wanted[1:])
    database.execute(
        f"CREATE VIEW told AS SELECT CAST({_quoted(join.key)} AS VARCHAR) AS {_KEY}, {columns} FROM tables"
    )


def _refuse_repeated(database: Any, join: Join) -> None:
    again = _row(
        database,
        f"SELECT {_KEY}, count(*) FROM told SEMI JOIN images ON {_KEY} = {ID} "
        f"GROUP BY {_KEY} HAVING count(*) > 1 ORDER BY {_KEY} LIMIT 1",
    )
    if again:
        raise UserError(
            f"{join.tables[0]}: {again[1]} rows of the image {again[0]!r}",
            remedy="keep one row for each image; which of them is right is not for this program to say",
        )


def _row(database: Any, query: str) -> tuple[Any, ...]:
    """The first row of a result, or nothing; the result is read to its end, as the next query needs."""
    rows = database.execute(query).fetchall()
    return rows[0] if rows else ()


def _counts(database: Any, join: Join) -> Joined:
    joined = f"SELECT count(*), count({_KEY}) FROM images LEFT JOIN told ON {ID} = {_KEY}"
    n_images, n_annotated = _row(database, joined)
    n_rows = _row(database, "SELECT count(*) FROM told")[0]
    if not n_annotated:
        example, other = (
            _row(database, f"SELECT {column} FROM {view} LIMIT 1")
            for column, view in ((_KEY, "told"), (ID, "images"))
        )
        raise UserError(
            f"{join.tables[0]}: no {join.key} is the id of an image",
            remedy=f"the table has {(example or (None,))[0]!r}, the images {other[0]!r}; name the "
            "column of ids with --key",
        )
    return Joined(n_images=n_images, n_annotated=n_annotated, n_unused=n_rows - n_annotated)


def _write(
    database: Any, dataset: FolderDataset, join: Join, file: Path, labels: Mapping[str, _Labels]
) -> None:
    """Stream the joined rows, in the order of the embeddings, into a parquet file."""
    kept, told = _columns(dataset, join)
    chosen = [*(f"images.{_quoted(name)}" for name in kept), *(f"told.{_quoted(name)}" for name in told)]
    reader = database.sql(
        f"SELECT {', '.join(chosen)} FROM images LEFT JOIN told ON {ID} = {_KEY} ORDER BY file_row_number"
    ).to_arrow_reader(ROWS)
    attributes = {*dataset.job.attributes, *join.attributes}
    names = [*kept, *told]
    types = {
        name: pa.bool_() if name.startswith(VISIBLE_PREFIX)
        else pa.dictionary(pa.int32(), pa.string()) if name in attributes else pa.string()
        for name in names
    }  # fmt: skip
    schema = pa.schema(list(types.items()))
    with pq.ParquetWriter(file, schema) as writer:
        for batch in reader:
            arrays = [_array(batch.column(at), name, types[name], labels) for at, name in enumerate(names)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _array(column: pa.Array, name: str, kind: pa.DataType, labels: Mapping[str, _Labels]) -> pa.Array:
    if name in labels:
        return labels[name].encoded(column)
    if pa.types.is_dictionary(kind):
        return column.dictionary_encode()
    return column if pa.types.is_boolean(kind) or name == ID else _text(column, name)


def _text(column: pa.Array, name: str) -> pa.Array:
    """Identifiers of persons as every loader has them: numbers as text, empty fields missing."""
    values = text_column(pd.Series(column.to_pandas(), name=name)).map(clean_label, na_action="ignore")
    return pa.array(values.where(values != "", None), pa.string(), from_pandas=True)


@dataclass(frozen=True, kw_only=True)
class _Labels:
    """The labels of an attribute in their one form, which is a decision about all of them at once."""

    forms: dict[Any, str]
    notes: tuple[str, ...]

    @classmethod
    def of(cls, database: Any, name: str, join: Join) -> _Labels:
        column = _quoted(name)
        counted = database.sql(
            f"SELECT {column} AS label, count(*) AS n FROM told SEMI JOIN images ON {_KEY} = {ID} "
            f"WHERE {column} IS NOT NULL GROUP BY {column} ORDER BY {column} LIMIT {MOST_LABELS + 1}"
        ).to_arrow_table()
        if len(counted) > MOST_LABELS:
            raise UserError(
                f"{join.tables[0]}: the column {name!r} has more than {MOST_LABELS:,} values",
                remedy="a group attribute has few; identifiers of persons go to --cluster",
            )
        raw = counted.column("label").to_pandas()
        forms = clean_column(text_column(raw.rename(name))).column
        odd = [n for old, new, n in zip(raw, forms, counted.column("n").to_pylist(), strict=True)
               if isinstance(old, str) and isinstance(new, str) and old != new]  # fmt: skip
        note = f"{number_of(sum(odd), 'label')} of {name} evened out: blanks, invisible characters, numbers."
        known = {old: new for old, new in zip(raw, forms, strict=True) if isinstance(new, str)}
        return cls(forms=known, notes=(note,) if odd else ())

    def encoded(self, column: pa.Array) -> pa.Array:
        """The labels of a batch as a dictionary of strings."""
        values = column.to_pandas().map(self.forms)
        return pa.array(values, pa.string(), from_pandas=True).dictionary_encode()


def _columns(dataset: FolderDataset, join: Join) -> tuple[list[str], list[str]]:
    """Columns that stay, and columns that come."""
    told = list(dict.fromkeys([*join.attributes, *([join.cluster] if join.cluster else [])]))
    gone = {*told, *(VISIBLE_PREFIX + name for name in join.attributes)}
    if join.cluster:
        gone.add(str(dataset.job.card.get("cluster") or ""))
    names = pq.read_schema(dataset.folder / ANNOTATIONS_FILE).names
    return [name for name in names if name not in gone], told


def _job(dataset: FolderDataset, join: Join, found: Joined, checksum: str) -> Job:
    job, replaced = dataset.job, set(join.attributes)
    attributes = [*(name for name in job.attributes if name not in replaced), *join.attributes]
    words = ", ".join(join.attributes)
    note = (
        f"{words} joined from {join.tables[0].name} by {join.key}: {found.n_annotated:,} of "
        f"{number_of(found.n_images, 'image')} have a row."
    )
    card = job.card | {"notes": [*job.card["notes"], note, *found.notes]}
    if join.cluster:
        card["cluster"] = join.cluster
    return replace(
        job, annotations_sha256=checksum, attributes=attributes, card=card,
        data_sha256=hashlib.sha256(f"{job.data_sha256} {checksum}".encode()).hexdigest(),
        orders={name: values for name, values in job.orders.items() if name not in replaced},
        derived={name: of for name, of in job.derived.items() if name not in replaced | {of}},
    )  # fmt: skip


def _write_dropped(dataset: FolderDataset, join: Join, file: Path) -> None:
    """Images that the loader left out have no value of what is new."""
    columns = ["reason", *(n for n in dataset.job.attributes if n not in join.attributes)]
    table = pa.table({n: pa.array(dataset.dropped[n], pa.string(), from_pandas=True) for n in columns})
    for name in join.attributes:
        table = table.append_column(name, pa.nulls(len(table), pa.string()))
    pq.write_table(table, file)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _duckdb() -> Any:
    try:
        import duckdb
    except ImportError as error:
        raise UserError(
            "joining annotations needs DuckDB", remedy="pip install 'clip-audit[scale]'"
        ) from error
    return duckdb
