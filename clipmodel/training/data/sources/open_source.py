"""From the recipe's `data` to a source: which kind it is, and whether anything in it can be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from clipmodel.errors import UserError
from clipmodel.training.data.sources.caption_tables import Columns, TableRows
from clipmodel.training.data.sources.field_names import IMAGE_COLUMNS
from clipmodel.training.data.sources.folders import FolderRows
from clipmodel.training.data.sources.locations import READ_ERRORS, expand, is_remote, opened_seekable
from clipmodel.training.data.sources.parquet import ParquetReader
from clipmodel.training.data.sources.random_access import RowSource
from clipmodel.training.data.sources.sequential_shards import ShardSource
from clipmodel.training.data.sources.source import Skipped, Source
from clipmodel.training.data.sources.tar import TarReader
from clipmodel.training.recipe import DataRecipe

Kind = Literal["tar", "parquet", "table", "folder"]
ENDINGS: dict[str, Kind] = {
    ".tar": "tar", ".tar.gz": "tar", ".tgz": "tar", ".parquet": "parquet",
    ".csv": "table", ".tsv": "table", ".txt": "table", ".csv.gz": "table", ".tsv.gz": "table",
}  # fmt: skip
_LOOKED_AT = 20  # samples of which one at least must be usable


def open_source(recipe: DataRecipe) -> Source:
    """The source of a recipe, its first samples looked at.

    Raises
    ------
    UserError
        Files or columns are missing, the kind is not known, or none of the first samples can be used.
    """
    names = [recipe.source] if isinstance(recipe.source, str) else recipe.source
    files = expand(names)
    kind = recipe.format or _kind(files)
    if kind in ("tar", "parquet") and len(files) == 1 and Path(files[0]).is_dir():
        files = _inside(files[0], kind)
    source = _source(kind, files, recipe)
    _evaluate(source)
    return source


def _source(kind: Kind, files: list[str], recipe: DataRecipe) -> Source:
    columns = Columns(
        image=recipe.image, caption=recipe.caption, separator=recipe.separator, image_root=recipe.image_root
    )
    if kind == "folder":
        if len(files) > 1:
            raise UserError(f"{files[0]} and {len(files) - 1} more: one folder at a time", remedy="name one")
        return RowSource(FolderRows(files[0], caption=recipe.caption))
    if kind == "table" or (kind == "parquet" and _holds_paths(files[0], recipe.image)):
        return RowSource(TableRows(files, columns))
    block = recipe.loading.shuffle
    if kind == "tar":
        return ShardSource(files, reader=TarReader(image=recipe.image, caption=recipe.caption), block=block)
    reader = ParquetReader(image=recipe.image, caption=recipe.caption)
    reader.columns(files[0])
    return ShardSource(files, reader=reader, block=block)


def _kind(files: Sequence[str]) -> Kind:
    first = files[0]
    if not is_remote(first) and Path(first).is_dir():
        # One match of each kind is enough: a folder may hold 100,000 shards.
        held = {kind for kind in ("tar", "parquet") for _ in islice(Path(first).glob(f"*.{kind}"), 1)}
        if len(held) > 1:
            raise UserError(f"{first}: holds .tar and .parquet files", remedy="say which with data.format")
        return "tar" if "tar" in held else "parquet" if "parquet" in held else "folder"
    for file in files:
        if _by_ending(file) != _by_ending(first) or _by_ending(file) is None:
            raise UserError(f"{file}: a kind of data not known by its name", remedy="say it with data.format")
    found = _by_ending(first)
    assert found is not None
    return found


def _by_ending(file: str) -> Kind | None:
    # A signed URL carries its signature after "?".
    name = file.partition("?")[0].rstrip().lower()
    if file.startswith("pipe:"):
        return next((ENDINGS[end] for end in ENDINGS if f"{end} " in f"{name} "), None)
    return next((kind for ending, kind in ENDINGS.items() if name.endswith(ending)), None)


def _inside(folder: str, kind: Kind) -> list[str]:
    files = sorted(str(path) for path in Path(folder).glob(f"*.{kind}"))
    if not files:
        raise UserError(f"{folder}: no .{kind} file", remedy="check data.source in the recipe")
    return files


def _holds_paths(file: str, image: str | None) -> bool:
    """Whether the images of a parquet file are strings; damage and missing columns are for its reader."""
    try:
        with opened_seekable(file) as content:
            schema = pq.read_schema(content)
    except (*READ_ERRORS, pa.ArrowException):
        return False
    names = [name for name in schema.names if (name == image if image else name.lower() in IMAGE_COLUMNS)]
    if len(names) != 1:
        return False
    kind = schema.field(names[0]).type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _evaluate(source: Source) -> None:
    items = list(islice(source.first_items(), _LOOKED_AT))
    skipped = [item for item in items if isinstance(item, Skipped)]
    if len(skipped) < len(items):
        return
    if not skipped:
        raise UserError(f"{source.name}: no samples", remedy="check data.source in the recipe")
    reason = Counter(item.reason for item in skipped).most_common(1)[0][0]
    first = next(item for item in skipped if item.reason == reason)
    raise UserError(
        f"{source.name}: none of the first {len(items)} samples can be used: {reason}: {first.key}"
        + (f" ({first.detail})" if first.detail else ""),
        remedy="check data.source"
        if first.is_shard
        else "check data.image, data.caption and data.image_root",
    )
