"""Put the data set together: read, render, label, split, write parquet."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from scripts.build_emoji.names import Attributes, parse, skin_tones
from scripts.build_emoji.sources import (
    VENDORS,
    Annotation,
    Icon,
    Vendor,
    check_sources,
    read_annotations,
    read_groups,
    read_icons,
    slugify,
)
from scripts.build_emoji.splits import add_drawing_ids, add_splits, rank
from scripts.build_emoji.visibility import Pixels, add_visibility, differs, render

SOURCES_TABLE = Path(__file__).with_name("sources.sha256")
WEBP_QUALITY = 90
LEFT_OUT = ("flag", "symbol")
TONED = ("person", "fantasy being")
THINNED = ("food", "object", "place or vehicle", "game or event")
THINNED_SHARE = 0.4

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("image", pa.binary()),
        ("name", pa.string()),
        ("keywords", pa.list_(pa.string())),
        *((column, pa.string()) for column in ("concept", "skin_tone", "gender", "age", "occupation")),
        *((column, pa.string()) for column in ("activity", "category", "hair", "vendor", "design_family")),
        ("licence", pa.string()),
        *((f"visible_{a}", pa.bool_()) for a in ("skin_tone", "gender", "age", "occupation")),
        ("drawing_id", pa.string()),
        ("split", pa.string()),
    ]
)


def build(npm: Path, out: Path, *, vendors: tuple[Vendor, ...] = VENDORS) -> pd.DataFrame:
    """Write one parquet file a vendor into `out` and return the whole table (columns: ``SCHEMA``).

    Parameters
    ----------
    npm : Path
        The ``node_modules`` folder with the pinned packages.
    out : Path
        Folder to write to; made if it is not there.
    vendors : tuple of Vendor
        The emoji sets to use.

    Raises
    ------
    SourceError
        If a source file is missing or is not the pinned one.
    """
    check_sources(npm, table=SOURCES_TABLE)
    rows, pixels = _collect(npm, vendors)
    rows = add_visibility(rows, pixels)
    rows = add_drawing_ids(rows, lambda i, j: not differs(pixels[i], pixels[j]))
    rows = add_splits(rows)
    rows["image"] = [encode(image) for image in pixels]
    out.mkdir(parents=True, exist_ok=True)
    for vendor in vendors:
        _write(rows[rows["vendor"] == vendor.name], out / f"{vendor.name}.parquet")
    return rows


def encode(image: Pixels) -> bytes:
    """Encode uint8 [H, W, 3] pixels as WebP."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, format="WEBP", quality=WEBP_QUALITY, method=6)
    return stream.getvalue()


def _collect(npm: Path, vendors: tuple[Vendor, ...]) -> tuple[pd.DataFrame, list[Pixels]]:
    annotations, groups = read_annotations(npm), read_groups(npm)
    rows: list[dict[str, object]] = []
    pixels: list[Pixels] = []
    for vendor in vendors:
        icons = read_icons(npm, vendor, annotations=annotations)
        for icon in _one_per_emoji(icons, annotations):
            group = groups.get(icon.characters)
            if group is None:
                continue
            annotation = annotations[icon.characters]
            labels = parse(annotation.name, characters=icon.characters, group=group)
            if _wanted(labels, icon):
                rows.append(_row(icon, annotation, labels))
                pixels.append(render(icon.svg))
    return pd.DataFrame(rows), pixels


def _one_per_emoji(icons: Iterable[Icon], annotations: dict[str, Annotation]) -> list[Icon]:
    """Keep one drawing for each emoji: the one whose slug is the CLDR name, else the first."""
    best: dict[str, Icon] = {}
    for icon in icons:
        exact = icon.slug == slugify(annotations[icon.characters].name)
        if icon.characters not in best or exact:
            best[icon.characters] = icon
    return sorted(best.values(), key=lambda icon: icon.slug)


def _wanted(labels: Attributes, icon: Icon) -> bool:
    """Leave out flags, symbols, toned hands and groups, and by hash a part of the things.

    The part is the same concepts for every vendor; it keeps the package small.
    """
    if labels.category in LEFT_OUT or (skin_tones(icon.characters) and labels.category not in TONED):
        return False
    return labels.category not in THINNED or rank("thinned", labels.concept) < THINNED_SHARE


def _row(icon: Icon, annotation: Annotation, labels: Attributes) -> dict[str, object]:
    return {
        "id": f"{icon.vendor.name}/{icon.slug}",
        "keywords": list(annotation.keywords),
        "vendor": icon.vendor.name,
        "design_family": icon.vendor.family,
        "licence": icon.vendor.licence,
        **asdict(labels),
    }


def _write(rows: pd.DataFrame, path: Path) -> None:
    ordered = rows.sort_values("id", kind="stable")[SCHEMA.names]
    # Without pandas' metadata, which holds its version: the same sources give the same bytes.
    table = pa.Table.from_pandas(ordered, schema=SCHEMA, preserve_index=False).replace_schema_metadata(None)
    pq.write_table(table, path, compression="zstd", compression_level=9, row_group_size=1024)
