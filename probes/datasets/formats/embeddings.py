"""Embeddings instead of images: what a model made of images and texts, in one file, without the model.

Shapes: N images, U texts, D joint embedding.
"""

from __future__ import annotations

import hashlib
import math
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from clipmodel.errors import UserError, damage_told_by
from clipmodel.yaml_models import is_file, shortened
from probes.datasets.annotation_tables import add_repair, as_strings, first_of, repairs
from probes.datasets.cards import DataCard, Described, describe, unknown_card
from probes.datasets.checks.attribute_notes import with_attribute_notes
from probes.datasets.demographic_dataset import (
    ID,
    REASON,
    VISIBLE_PREFIX,
    DemographicDataset,
    UnreadableImageError,
)
from probes.datasets.formats.other_kinds import foreign_content
from probes.datasets.formats.parquet_frame import parquet_frame, words
from probes.datasets.formats.table import (
    CLUSTER_COLUMNS,
    PATH_COLUMNS,
    one_column_of_ids,
    refuse_no_names,
    with_bands,
    with_visibility,
)
from probes.datasets.shards.row_places import located
from probes.embeddings.embedded_images import BLOCK_IMAGES, EmbeddedImages, LazyRows

IMAGE_ARRAYS = ("image", "images", "image_embedding", "image_embeddings", "embedding", "embeddings")
VECTOR, TEXT = "embedding", "text"  # the columns of a parquet file
SCALE, BIAS, MODEL = "logit_scale", "logit_bias", "model"
DEFAULT_SCALE = 100.0  # the multiplier at which OpenAI's CLIPs were clipped in training
NO_VECTOR = "the embedding is zero or not finite"
# An .npz may be compressed, and embeddings hardly compress: a hundredfold is an attack.
MOST_UNPACKED, MOST_PACKED = 1 << 30, 100  # bytes, and times the size of the file
# Numbers rounded to 16 bits move a norm by less than this.
UNIT = 1e-2  # how far a norm may be from 1 before the file is said to be unnormalised


@dataclass(frozen=True, kw_only=True)
class Texts:
    """What is known of a model without the model: the embeddings of some texts, and its head.

    Attributes
    ----------
    rows
        Text -> its row in `vectors`.
    vectors
        [U, D] float32, unit-norm.
    model
        The model's name.
    scale, bias
        Of the logits; a bias of None means a softmax over the classes.
    unknown
        The row that stands for every text that is not there; None: such a text is an error.
    ambiguous
        Texts that the file has several embeddings of; they are left out.
    content
        A digest of what the model said of the images, where that is what the file holds: two files of
        predictions with the same classes are two models.
    """

    rows: Mapping[str, int]
    vectors: np.ndarray
    model: str
    scale: float = DEFAULT_SCALE
    bias: float | None = None
    unknown: int | None = None
    ambiguous: tuple[str, ...] = ()
    content: str = ""


class EmbeddedDataset(DemographicDataset):
    """Images of known attributes that come as embeddings.

    Parameters
    ----------
    frame, attributes, card, orders, dropped
        As for `DemographicDataset`.
    embeddings
        [N, D] float32; float64 for scores. Or rows that are read a slice at a time.
    texts
        The embeddings of texts that classes are looked up in.
    distinct
        As for `DemographicDataset`.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        *,
        attributes: Sequence[str],
        card: DataCard,
        embeddings: np.ndarray | LazyRows,
        texts: Texts,
        orders: Mapping[str, Sequence[str]] | None = None,
        dropped: pd.DataFrame | None = None,
        distinct: bool = False,
    ) -> None:
        super().__init__(
            frame, attributes=attributes, card=card, orders=orders, dropped=dropped, distinct=distinct
        )
        self._given = embeddings
        self.texts = texts

    @cached_property
    def embeddings(self) -> np.ndarray:
        """[N, D] all of them in memory."""
        return self._given[:]

    def embedded(self, rows: NDArray[np.int64]) -> EmbeddedImages:
        """The embeddings of some rows, read a slice at a time if they lie in a file."""
        own = self._given
        chosen = own[rows] if isinstance(own, np.ndarray) else own.take(rows)
        # There are no files to hash, so the numbers themselves identify the images.
        return EmbeddedImages(rows, chosen, {}, 0, _digest_of_singles(chosen).hexdigest())

    def read_bytes(self, row: int) -> bytes:
        raise UnreadableImageError("the file holds no images")

    @cached_property
    def sha256(self) -> str:
        """Over the annotations and the embeddings."""
        return _digest_of_singles(self._given, after=super().sha256.encode()).hexdigest()


def _digest_of_singles(vectors: np.ndarray | LazyRows, *, after: bytes = b"") -> hashlib._Hash:
    """The SHA-256 of vectors as float32, after some other bytes; a block is held at a time."""
    digest = hashlib.sha256(after)
    for start in range(0, len(vectors), BLOCK_IMAGES):
        digest.update(np.ascontiguousarray(vectors[start : start + BLOCK_IMAGES], np.float32).tobytes())
    return digest


def load_embeddings(file: Path) -> EmbeddedDataset:
    """Image and text embeddings in one .npz or .parquet file; no model is needed.

    npz: image [N, D]; one or more text arrays [U, D], such as text, each with its texts in text_name;
    attributes [N]; optionally logit_scale (100 if left out), logit_bias and model. parquet: the columns
    embedding and text, and the attributes; a row with a text is a text, every other one an image;
    logit_scale, logit_bias and model in the metadata of the schema.

    Raises
    ------
    UserError
        The file is missing, damaged, or its arrays do not fit each other.
    """
    if not is_file(file):
        raise UserError(f"no file at {shortened(file)!r}", remedy="check the path after the colon")
    if foreign := foreign_content(file, beyond=(b"PK", b"PAR1")):
        raise foreign
    if file.suffix.lower() not in (".npz", ".parquet"):
        raise UserError(f"{file}: not embeddings by its name", remedy="use .npz or .parquet")
    vectors, table, texts = _read_npz(file) if file.suffix.lower() == ".npz" else _read_parquet(file)
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    usable = np.isfinite(lengths) & (lengths > 0)
    notes: tuple[str, ...] = ()
    if (np.abs(lengths[usable] - 1) > UNIT).any():
        notes = ("The image embeddings of the file were not of unit length; they were normalised.",)
    if n := len(texts.ambiguous):
        notes += (
            f"Texts with several embeddings in the file are not used: {n}, such as {texts.ambiguous[0]}.",
        )
    card = unknown_card(
        file.stem, f"Embeddings in {file.name}", notes=notes,
        caution="Embeddings from a file: the preprocessing, and how the labels came about, are not known.",
    )  # fmt: skip
    known = described(file, table, card=card)
    return EmbeddedDataset(
        known.frame[usable],
        attributes=known.attributes,
        card=known.card,
        orders=known.orders,
        embeddings=_of_unit_length(vectors[usable]),
        texts=texts,
        dropped=known.frame[~usable].assign(**{REASON: NO_VECTOR}),
    )


def described(file: Path, table: pd.DataFrame, *, card: DataCard, distinct: bool = False) -> Described:
    """The labels of images that are not there: a table of strings, as the card beside the file describes it.

    `distinct` says that the names of the images are known to differ.

    Raises
    ------
    UserError
        There is no attribute, or an image is there twice.
    """
    path, cluster = first_of(PATH_COLUMNS, table), first_of(CLUSTER_COLUMNS, table)
    table = one_column_of_ids(file, table, path)
    frame = with_visibility(file, table.rename(columns={path: ID}) if path else table)
    if path is None:
        frame.insert(0, ID, _row_names(len(table)).array)
    refuse_no_names(file, frame[ID])
    if not distinct and (again := frame[ID].duplicated()).any():
        first = int(again.to_numpy().argmax())
        raise UserError(
            f"{located(file, again.index, first)}: the image {frame[ID].iloc[first]!r} is there twice",
            remedy="keep one row per image",
        )
    special = (ID, cluster)
    attributes = [n for n in map(str, frame) if n not in special and not n.startswith(VISIBLE_PREFIX)]
    if not attributes:
        raise UserError(f"{file}: no attribute beside the embeddings", remedy="add one, such as gender")
    frame = with_bands(file, frame, attributes)
    card = replace(card, cluster=cluster, notes=(*card.notes, *repairs(frame)))
    known = describe(frame, file, attributes=attributes, card=card)
    return replace(known, card=with_attribute_notes(known))


def _row_names(n: int) -> pd.Series:
    """ "row 1" to "row N"; made by Arrow, because a Python string each takes 60 bytes."""
    numbers = pc.cast(pa.array(np.arange(1, n + 1)), pa.string())
    return words(pa.chunked_array([pc.binary_join_element_wise("row", numbers, " ")]))


def _read_npz(file: Path) -> tuple[np.ndarray, pd.DataFrame, Texts]:
    _refuse_bomb(file)
    try:
        # allow_pickle=False: an array of objects is a pickle, which could run code.
        with np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except Exception as error:  # damage in an archive raises SyntaxError, RuntimeError and many more
        raise UserError(
            f"{file}: not an .npz file, damaged, or holding objects ({shortened(_npz_words(error))})",
            remedy="write it again, without Python objects in it",
        ) from error
    image = next((name for name in IMAGE_ARRAYS if name in arrays), None)
    if image is None or arrays[image].ndim != 2:
        raise UserError(f"{file}: no array [N, D] of image embeddings", remedy="name it 'image'")
    if wrong := next((name for name, array in arrays.items() if array.dtype.kind == "V"), None):
        raise UserError(
            f"{file}: the array {wrong!r} holds records", remedy="write one array of words for each attribute"
        )
    if wrong := next((name for name, array in arrays.items() if _is_odd(array)), None):
        if wrong != image and arrays[wrong].dtype.kind in "USb":
            raise UserError(
                f"{file}: the array {wrong!r} has the shape {arrays[wrong].shape}",
                remedy=f"an attribute has one value for each of the {len(arrays[image])} images",
            )
        raise UserError(
            f"{file}: the array {wrong!r} holds {arrays[wrong].dtype}, no real numbers",
            remedy="write embeddings as 32-bit floats",
        )
    vectors = arrays.pop(image)
    head = {name: arrays.pop(name) for name in (SCALE, BIAS, MODEL) if name in arrays}
    texts: list[tuple[str, np.ndarray]] = []
    # A list, since `_named_texts` takes arrays out of the dictionary.
    for name in [name for name, array in arrays.items() if array.ndim == 2]:
        texts += _named_texts(file, arrays, name, dim=vectors.shape[1])
    if wrong := next((name for name, array in arrays.items() if array.shape != (len(vectors),)), None):
        raise UserError(
            f"{file}: the array {wrong!r} has the shape {arrays[wrong].shape}",
            remedy=f"an attribute has one value for each of the {len(vectors)} images",
        )
    return vectors, as_strings(pd.DataFrame(arrays), file=file), _texts(file, texts, head)


def _npz_words(error: Exception) -> str:
    """What is wrong with an archive; numpy words an array of Python objects as an option of its reader."""
    return "an array holds Python objects" if "allow_pickle" in str(error) else damage_told_by(error)


def _is_odd(array: np.ndarray) -> bool:
    """Whether an array of embeddings holds anything but real numbers: of complex ones half would be lost."""
    return array.ndim == 2 and array.dtype.kind not in "fiu"


def _refuse_bomb(file: Path) -> None:
    """Refuse an archive that says it unpacks to far more than its size; other damage is found on reading."""
    try:
        with zipfile.ZipFile(file) as archive:
            # zipfile reads no more of a member than its index declares, so the sum is a limit on memory.
            declared = sum(member.file_size for member in archive.infolist())
    except Exception:  # noqa: BLE001 - reading its arrays says what is wrong
        return
    if declared > MOST_UNPACKED and declared > MOST_PACKED * file.stat().st_size:
        raise UserError(
            f"{file}: unpacks to {declared:,} bytes from {file.stat().st_size:,}",
            remedy="write it with numpy.savez, not compressed",
        )


def _named_texts(
    file: Path, arrays: dict[str, np.ndarray], name: str, *, dim: int
) -> list[tuple[str, np.ndarray]]:
    """The texts of one array and their embeddings; both are taken out of the arrays."""
    vectors = arrays.pop(name)
    candidates = (f"{name}_name", f"{name}_names", name.replace(TEXT, "name"), f"{name}s", f"{TEXT}s")
    names = next((key for key in candidates if key in arrays), None)
    if names is None or arrays[names].shape != (len(vectors),):
        raise UserError(
            f"{file}: {len(vectors)} embeddings in {name!r} without their texts", remedy=f"add {name}_name"
        )
    if vectors.shape[1] != dim:
        message = f"{file}: embeddings of {vectors.shape[1]} dimensions in {name!r}, the images have {dim}"
        raise UserError(message, remedy="take both from one model")
    return list(zip(map(str, arrays.pop(names)), vectors, strict=True))


def _read_parquet(file: Path) -> tuple[np.ndarray, pd.DataFrame, Texts]:
    table, notes = parquet_frame(file, nested=[VECTOR])
    try:
        metadata = pq.read_schema(file).metadata or {}
        given = {
            name: metadata[name.encode()].decode()
            for name in (SCALE, BIAS, MODEL)
            if name.encode() in metadata
        }
        table = table.astype({TEXT: object} if TEXT in table else {})  # words that are no UTF-8 raise here
    except Exception as error:  # metadata and words that are no UTF-8 each raise their own
        raise UserError(
            f"{file}: not a parquet file, or damaged ({shortened(damage_told_by(error))})",
            remedy="write it again",
        ) from error
    for name in (VECTOR, TEXT):
        if name not in table:
            raise UserError(f"{file}: no column {name!r}", remedy=f"the columns are {VECTOR} and {TEXT}")
    vectors = _stacked(file, table.pop(VECTOR))
    words = table.pop(TEXT)
    is_text = (words.notna() & (words != "")).to_numpy()
    texts = list(zip(words[is_text].astype(str), vectors[is_text], strict=True))
    images = as_strings(table[~is_text].reset_index(drop=True), file=file)
    for note in notes:
        add_repair(images, note, file=file)
    return vectors[~is_text], images, _texts(file, texts, given)


def _stacked(file: Path, column: pd.Series) -> np.ndarray:
    """[N, D] of a column of lists; NaN where a row has none."""
    rows = [None if row is None else np.asarray(row) for row in column]
    if any(row is not None and (row.ndim != 1 or row.dtype.kind not in "fiuO") for row in rows):
        raise UserError(f"{file}: an embedding is no list of numbers", remedy="write lists of floats")
    shapes = {row.shape for row in rows if row is not None}
    if len(shapes) != 1 or len(shape := shapes.pop()) != 1:
        raise UserError(f"{file}: embeddings of several lengths", remedy="take all from one model")
    nothing = np.full(shape, np.nan)
    try:
        return np.stack([nothing if row is None else row for row in rows]).astype(np.float32)
    except (ValueError, TypeError) as error:
        raise UserError(f"{file}: an embedding is no list of numbers", remedy="write it again") from error


def _of_unit_length(vectors: np.ndarray) -> np.ndarray:
    """Vectors that are a rounding away from unit length stay as the model gave them."""
    # In 64 bits: squares of large float32 values overflow.
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    lengths[np.abs(lengths - 1) <= UNIT] = 1
    units: np.ndarray = (vectors / lengths[:, None]).astype(np.float32)
    return units


def _texts(file: Path, pairs: Sequence[tuple[str, np.ndarray]], head: Mapping[str, object]) -> Texts:
    """Each text once. A text with two different embeddings is left out: which was meant is not known."""
    known: dict[str, np.ndarray] = {}
    ambiguous: set[str] = set()
    for text, vector in pairs:
        if not np.array_equal(known.setdefault(text, vector), vector):
            ambiguous.add(text)
    known = {text: vector for text, vector in known.items() if text not in ambiguous}
    if not known:
        raise UserError(f"{file}: no text embeddings", remedy="add those of the classes, with their texts")
    vectors = np.stack(list(known.values())).astype(np.float64)
    lengths = np.linalg.norm(vectors, axis=1)
    if not (np.isfinite(lengths) & (lengths > 0)).all():
        raise UserError(f"{file}: a text embedding is zero or not finite", remedy="make it again")
    return Texts(
        rows={text: row for row, text in enumerate(known)},
        vectors=_of_unit_length(vectors),
        model=str(_single(head[MODEL])) if MODEL in head else file.stem,
        scale=_scale(file, head[SCALE]) if SCALE in head else DEFAULT_SCALE,
        bias=_number(file, BIAS, head[BIAS]) if BIAS in head else None,
        ambiguous=tuple(sorted(ambiguous)),
    )


def _single(value: object) -> object:
    """What an array of one value holds, of any shape; other values as they are."""
    return value.item() if isinstance(value, np.ndarray) and value.size == 1 else value


def _number(file: Path, name: str, value: object) -> float:
    """A finite number, from an array of one value or from the words of parquet's metadata."""
    try:
        number = float(str(_single(value)))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        shown = shortened(value)
        raise UserError(f"{file}: {name} is {shown}, no finite number", remedy="write one number")
    return number


def _scale(file: Path, value: object) -> float:
    """The multiplier on similarities: a number above zero."""
    scale = _number(file, SCALE, value)
    if scale <= 0:
        raise UserError(
            f"{file}: {SCALE} is {scale:g}, not above zero",
            remedy="write the multiplier itself, which is 100 for OpenAI's CLIPs, not its logarithm",
        )
    return scale
