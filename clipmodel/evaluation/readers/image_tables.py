"""Tables of images and Hugging Face data sets: a column of images, and one of labels or captions."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from clipmodel.errors import UserError
from clipmodel.evaluation.readers.evaluation_set import EvaluationSet, FunctionImages, checked, named_classes
from clipmodel.evaluation.readers.image_folder import DEFAULT_TEMPLATES
from clipmodel.evaluation.registry.entry import SetEntry

IMAGE_COLUMNS = ("image", "img", "file", "path", "filename", "webp", "jpg", "png")
LABEL_COLUMNS = ("label", "class", "fine_label", "labels", "cls", "category")
CAPTION_COLUMNS = ("caption", "captions", "sentences", "text", "txt")


def read_table(path: Path, entry: SetEntry) -> EvaluationSet:
    """A CSV, TSV or parquet file: images (paths beside the file, or bytes) and labels or captions.

    Raises
    ------
    UserError
        The file cannot be read, a column is missing, or a label is no class.
    """
    try:
        if path.suffix.lower() == ".parquet":
            frame = pd.read_parquet(path)
        else:
            # As text: labels such as 007 must not become 7.
            frame = pd.read_csv(path, sep="\t" if path.suffix.lower() == ".tsv" else ",", dtype=str)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error})", remedy="give a CSV or parquet file") from error
    image = _column(list(frame.columns), IMAGE_COLUMNS, where=str(path))
    values = frame[image].tolist()
    return _from_columns(
        lambda row: image_bytes(values[row], path.parent),
        {name: frame[name].tolist() for name in frame.columns if name != image},
        entry,
        where=str(path),
        n=len(frame),
    )


def read_hugging_face(name: str, entry: SetEntry, *, split: str = "test") -> EvaluationSet:
    """A data set of the `datasets` library: a folder that it saved, a local folder, or a name on its hub.

    Class names come from the label's ClassLabel feature unless the entry has them.

    Raises
    ------
    UserError
        The library is missing, the set or split cannot be loaded, or a column is missing.
    """
    table = _load(name, split)
    image = _column(table.column_names, IMAGE_COLUMNS, where=name)
    # Undecoded: the bytes go through our own decoder, as for every other source.
    plain = table.cast_column(image, _undecoded()) if _is_image(table.features[image]) else table
    columns = {c: plain[c] for c in plain.column_names if c != image}
    features = {c: getattr(table.features[c], "names", None) for c in columns}
    root = Path(name) if Path(name).is_dir() else Path()
    return _from_columns(
        lambda row: image_bytes(plain[row][image], root),
        columns,
        entry,
        where=f"{name} ({split})",
        n=len(plain),
        names=features,
    )


def _load(name: str, split: str) -> Any:
    try:
        import datasets
    except ImportError as error:
        raise UserError(
            "the datasets library is missing", remedy="pip install 'clip-audit[datasets]'"
        ) from error
    try:
        if (Path(name) / "dataset_dict.json").is_file() or (Path(name) / "state.json").is_file():
            found = datasets.load_from_disk(name)
            return found[split] if isinstance(found, datasets.DatasetDict) else found
        return datasets.load_dataset(name, split=split)
    except (OSError, ValueError, KeyError, datasets.exceptions.DatasetNotFoundError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"hf:{name}, split {split!r}: {reason}", remedy="check the name, --split, and the network"
        ) from error


def _undecoded() -> Any:
    import datasets

    return datasets.Image(decode=False)


def _is_image(feature: Any) -> bool:
    return type(feature).__name__ == "Image"


def image_bytes(value: Any, root: Path) -> bytes:
    """The encoded image of a cell: bytes, {"bytes", "path"}, a path, or a decoded Pillow image."""
    if isinstance(value, dict):
        value = value.get("bytes") or value.get("path")
    if isinstance(value, bytes):
        return value
    if isinstance(value, Image.Image):
        buffer = io.BytesIO()
        value.save(buffer, format="PNG")
        return buffer.getvalue()
    if not isinstance(value, str | Path):
        raise UserError("an image is missing", remedy="give bytes or a path in every row")
    path = root / value
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", remedy="restore the file") from error


def _from_columns(
    read: Callable[[int], bytes],
    columns: dict[str, Sequence[Any]],
    entry: SetEntry,
    *,
    where: str,
    n: int,
    names: dict[str, list[str] | None] | None = None,
) -> EvaluationSet:
    images = FunctionImages([f"{row:07d}" for row in range(n)], read)
    label = next((c for c in LABEL_COLUMNS if c in columns), None)
    caption = next((c for c in CAPTION_COLUMNS if c in columns), None)
    if label is None and caption is None:
        raise UserError(
            f"{where}: columns {', '.join(columns) or '(none)'}: neither labels nor captions",
            remedy=f"name a column {' or '.join((LABEL_COLUMNS[0], CAPTION_COLUMNS[0]))}",
        )
    if label is None or entry.task == "zeroshot_retrieval":
        assert caption is not None, "one of the two is there"
        return _retrieval(images, columns[caption], entry, where=where)
    classes, truth = _labels(list(columns[label]), entry, (names or {}).get(label), where=where)
    rest = {c: values for c, values in columns.items() if c not in (label, caption)}
    return checked(
        EvaluationSet(
            entry=entry,
            images=images,
            where=where,
            truth=truth,
            classes=classes,
            templates=tuple(entry.templates or DEFAULT_TEMPLATES),
            metadata=pd.DataFrame(rest) if rest else None,
        )
    )


def _labels(
    values: list[Any], entry: SetEntry, names: list[str] | None, *, where: str
) -> tuple[tuple[tuple[str, ...], ...], np.ndarray]:
    classes = named_classes(entry)
    if not classes and names:
        classes = tuple((name.replace("_", " "),) for name in names)
    # Digits are class numbers only if names say what they count.
    if all(isinstance(value, int | np.integer) or str(value).isdecimal() for value in values) and classes:
        return classes, np.array([int(value) for value in values], dtype=np.int64)
    if not classes:
        classes = tuple((str(value),) for value in sorted(set(map(str, values))))
    at = {name: c for c, own in enumerate(classes) for name in own}
    if unknown := sorted({str(value) for value in values} - set(at)):
        raise UserError(
            f"{where}: labels that are no class: {', '.join(map(repr, unknown[:5]))}",
            remedy=f"classes: {', '.join(list(at)[:5])} ...",
        )
    return classes, np.array([at[str(value)] for value in values], dtype=np.int64)


def _retrieval(
    images: FunctionImages, values: Sequence[Any], entry: SetEntry, *, where: str
) -> EvaluationSet:
    captions: list[str] = []
    pairs: list[tuple[int, int]] = []
    for row, value in enumerate(values):
        own = [value] if isinstance(value, str) else list(value)
        pairs += [(row, len(captions) + k) for k in range(len(own))]
        captions += [str(text).strip() for text in own]
    at = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return checked(EvaluationSet(entry=entry, images=images, where=where, captions=tuple(captions), pairs=at))


def _column(columns: Sequence[str], wanted: Sequence[str], *, where: str) -> str:
    if found := next((name for name in wanted if name in columns), None):
        return found
    raise UserError(
        f"{where}: no column of images among {', '.join(map(str, columns))}", remedy=f"name it {wanted[0]!r}"
    )
