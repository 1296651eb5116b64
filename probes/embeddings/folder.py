"""A folder that `clip-audit embed` wrote, as a data set: embeddings in parts, annotations beside them.

    DIR/embeddings.json      what was embedded by what, and how the rows are divided into parts
    DIR/annotations.parquet  one row per image: image_id, attributes, cluster, visible_<attribute>
    DIR/dropped.parquet      annotated images that the loader left out, with the reason
    DIR/part-000000.arrow    rows 0 ... R-1: key (content hash), embedding, reason (why there is none)
    DIR/part-000000.json     its manifest: checksum, number of embeddings, unreadable rows

Nothing is loaded whole. Rows of the annotations are read in batches and reduced to one number per row, the
combination of values that the row has; embeddings are read slice by slice.

Shapes: N images, D joint embedding, R images per part.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from clipmodel.errors import UserError
from clipmodel.json_text import parse_json
from probes.datasets.cards import DataCard
from probes.datasets.combinations import Combinations, CombinedDataset, combine_columns
from probes.datasets.demographic_dataset import ID, REASON, VISIBLE_PREFIX, DemographicDataset
from probes.datasets.memberships import base_of, check_value, membership_column, membership_order
from probes.embeddings.embedded_images import EmbeddedImages
from probes.embeddings.part_rows import PartRows
from probes.embeddings.shard_files import checksum

JOB_FILE, ANNOTATIONS_FILE, DROPPED_FILE = "embeddings.json", "annotations.parquet", "dropped.parquet"
FOLDER_FORMAT = 1
AGAIN = "run the same clip-audit embed again: it makes what is missing"


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a folder of embeddings is to hold; two jobs of equal content write equal files.

    Attributes
    ----------
    data_sha256, annotations_sha256
        Of the data set's annotations, and of the file that holds them here.
    card, attributes, orders, derived
        Of the data set.
    n_images, part_images
        N and R.
    model
        name, fingerprint, exact_fingerprint (of the same weights in fp32), reduction (of the image tower),
        preprocessing, logit_scale, logit_bias, embed_dim.
    dtype
        Of the stored numbers, float32 or float16.
    notes
        What a reader of an audit must know of how the embeddings were made.
    """

    data_sha256: str
    annotations_sha256: str
    card: dict[str, Any]
    attributes: list[str]
    orders: dict[str, list[str]]
    derived: dict[str, str]
    n_images: int
    part_images: int
    model: dict[str, Any]
    dtype: str = "float32"
    notes: tuple[str, ...] = ()
    format: int = FOLDER_FORMAT

    @property
    def n_parts(self) -> int:
        return -(-self.n_images // self.part_images)

    def rows(self, number: int) -> range:
        """The rows of a part."""
        first = number * self.part_images
        return range(first, min(first + self.part_images, self.n_images))

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def read_job(folder: Path) -> Job:
    """The job of a folder.

    Raises
    ------
    UserError
        There is none, or it is damaged, or of a later version.
    """
    file = folder / JOB_FILE
    try:
        values = parse_json(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(
            f"{folder}: no {JOB_FILE}: not a folder of embeddings",
            remedy="give one that clip-audit embed wrote",
        ) from error
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: cannot be read, or is no JSON", remedy=AGAIN) from error
    version = values.get("format") if isinstance(values, dict) else None
    if version != FOLDER_FORMAT:
        raise UserError(
            f"{file}: format {version!r}, this version reads {FOLDER_FORMAT}", remedy="embed the data again"
        )
    try:
        return Job(**{**values, "notes": tuple(values["notes"])})
    except (TypeError, KeyError) as error:
        raise UserError(f"{file}: keys are missing or unknown", remedy=AGAIN) from error


def part_path(folder: Path, number: int) -> Path:
    """The embeddings of a part; its manifest has the same name with ".json"."""
    return folder / f"part-{number:06}.arrow"


@dataclass(frozen=True, kw_only=True)
class PartManifest:
    """What a finished part holds.

    Attributes
    ----------
    sha256, n_bytes
        Of its file.
    unreadable
        Row of the data set -> reason, for images without an embedding.
    """

    sha256: str
    n_bytes: int
    unreadable: dict[int, str]


def read_part_manifest(folder: Path, number: int) -> PartManifest | None:
    """The manifest of a part; None if the part is not finished."""
    with suppress(FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        values = parse_json(part_path(folder, number).with_suffix(".json").read_text(encoding="utf-8"))
        unreadable = {int(row): str(reason) for row, reason in values["unreadable"].items()}
        return PartManifest(
            sha256=str(values["sha256"]), n_bytes=int(values["n_bytes"]), unreadable=unreadable
        )
    return None


class FolderDataset(CombinedDataset):
    """The data set of a folder of embeddings; annotations are loaded whole only if a measure asks for them.

    Parameters
    ----------
    folder
        A folder that `clip-audit embed` finished.

    Raises
    ------
    UserError
        The folder is none, is not finished, or its annotations are damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.job = folder, read_job(folder)
        self._annotations = folder / ANNOTATIONS_FILE
        # Rows are matched with embeddings by position alone, so an edited table would give images other
        # labels.
        if checksum_of(self._annotations) != self.job.annotations_sha256:
            raise UserError(f"{self._annotations}: not the annotations that were embedded", remedy=AGAIN)
        self.attributes, self.derived = list(self.job.attributes), dict(self.job.derived)
        self.orders = dict(self.job.orders)
        card: dict[str, Any] = {
            key: tuple(v) if isinstance(v, list) else v for key, v in self.job.card.items()
        }
        self.card = DataCard(**{**card, "notes": (*card["notes"], *self.job.notes)})
        # As object, as the data set had it that was embedded.
        self.dropped = pd.read_parquet(folder / DROPPED_FILE).astype(object)
        self._copies = None
        self._memberships: list[str] = []
        manifests = [read_part_manifest(folder, number) for number in range(self.job.n_parts)]
        self._manifests = [manifest for manifest in manifests if manifest is not None]
        if len(self._manifests) < self.job.n_parts:
            n = len(self._manifests)
            raise UserError(f"{folder}: {n:,} of {self.job.n_parts:,} parts are finished", remedy=AGAIN)

    def __len__(self) -> int:
        return self.job.n_images

    @cached_property
    def frame(self) -> pd.DataFrame:  # type: ignore[override]
        """All annotations in memory, as the data set had them that was embedded."""
        table = pq.read_table(self._annotations)
        columns = {}
        for name in table.column_names:
            column = table.column(name)
            if pa.types.is_dictionary(column.type):  # one Python string per value, not per row
                merged = column.unify_dictionaries().combine_chunks()
                merged = merged.chunk(0) if isinstance(merged, pa.ChunkedArray) else merged
                values = np.array([*merged.dictionary.to_pylist(), np.nan], object)
                # Index -1 of a missing value picks the NaN at the end.
                columns[name] = values[merged.indices.fill_null(-1).to_numpy(zero_copy_only=False)]
            else:
                columns[name] = column.to_pandas()
        frame = pd.DataFrame(columns)
        return frame.assign(**{name: self._membership(frame, name) for name in self._memberships})

    @cached_property
    def combinations(self) -> Combinations:
        """Each distinct combination of attribute values once, and the combination of each row."""
        known = pq.read_schema(self._annotations).names
        stored = [name for name in self.attributes if name not in self._memberships]
        names = [*stored, *(n for a in stored if (n := VISIBLE_PREFIX + a) in known)]
        found = combine_columns(lambda: annotation_batches(self._annotations, names), names)
        more = {name: self._membership(found.frame, name) for name in self._memberships}
        return replace(found, frame=found.frame.assign(**more))

    def add_memberships(self, names: Sequence[str]) -> None:
        """As for any data set, of each combination of values once; the annotations are not loaded for it."""
        for name in names:
            found = base_of(name, self.card.several_values)
            if found is None or name in self.attributes:
                continue
            attribute, value = found
            column = self.combinations.frame[attribute]
            check_value(attribute, value, column)
            self._memberships.append(name)
            self.orders[name] = membership_order(column, value, self.orders.get(attribute, ()))
            self.dropped[name] = membership_column(self.dropped[attribute], value)
            self.derived[name] = self.derived.get(attribute, attribute)
            self.attributes.append(name)
            if attribute in self.card.image_attributes:
                self.card = replace(self.card, image_attributes=(*self.card.image_attributes, name))
            for made in ("combinations", "frame"):  # what was read before lacks the new column
                self.__dict__.pop(made, None)

    def _membership(self, frame: pd.DataFrame, name: str) -> pd.Series:
        attribute, value = base_of(name, self.card.several_values) or ("", "")
        return membership_column(frame[attribute], value)

    @property
    def sha256(self) -> str:
        """The hash of the data set that was embedded."""
        return self.job.data_sha256

    @property
    def unreadable(self) -> dict[int, str]:
        """Row and reason of each image without an embedding."""
        return {row: why for manifest in self._manifests for row, why in manifest.unreadable.items()}

    def embedded(self, rows: NDArray[np.int64]) -> EmbeddedImages:
        """The embeddings of those rows that could be read."""
        missing = self.unreadable
        none = np.fromiter(missing, np.int64, len(missing))
        readable = rows[~np.isin(rows, none)] if len(none) else rows
        vectors = PartRows(
            paths=[part_path(self.folder, number) for number in range(self.job.n_parts)],
            checksums=[manifest.sha256 for manifest in self._manifests],
            dim=int(self.job.model["embed_dim"]),
            part_images=self.job.part_images,
            rows=readable,
        )
        lost = {int(row): missing[int(row)] for row in none[np.isin(none, rows)]}
        return EmbeddedImages(readable, vectors, lost, 0, self._read_contents(vectors))

    def _read_contents(self, vectors: PartRows) -> str:
        """Note byte-identical images, and give the hash over all contents, as for images themselves.

        Eight bytes of each hash are held, to find the few images whose whole hashes must be compared.
        """
        digest, starts = hashlib.sha256(), np.empty(len(vectors), np.uint64)
        at = 0
        for keys in vectors.content_keys():
            # In hexadecimal, so that the hash is the one that `embed_dataset` makes of the same images.
            digest.update(keys.tobytes().hex().encode())
            starts[at : at + len(keys)] = np.ascontiguousarray(keys[:, :8]).view(np.uint64)[:, 0]
            at += len(keys)
        ordered = np.sort(starts)
        # Equal neighbours after sorting: no set of Python objects for millions of images.
        several = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
        if len(several):
            chosen = vectors.take(np.flatnonzero(np.isin(starts, several)))
            contents = [key.tobytes().hex() for block in chosen.content_keys() for key in block]
            self.note_copies(chosen.rows.tolist(), contents)
        return digest.hexdigest()

    def check_model(self, fingerprint: str, preprocess_id: str, name: str) -> None:
        """Refuse a model other than the one whose embeddings these are.

        Raises
        ------
        UserError
            Weights or preprocessing are others.
        """
        own = self.job.model
        # By the exact weights: texts are embedded in full precision, whatever the images were embedded in.
        if (own["exact_fingerprint"], own["preprocessing"]) != (fingerprint, preprocess_id):
            raise UserError(
                f"{self.folder}: embeddings of the model {own['name']} ({own['exact_fingerprint'][:12]}), "
                f"not of {name} ({fingerprint[:12]})",
                remedy=f"give that model, {own['name']} or where its copy is here, with --model",
            )

    def read_bytes(self, row: int) -> bytes:
        """A folder of embeddings holds no images: always raises UserError."""
        raise UserError(f"{self.folder}: holds embeddings, no images", remedy="give the images with --data")


def checksum_of(file: Path) -> str:
    """SHA-256 of a file of the folder; UserError if it cannot be read."""
    try:
        return checksum(file)
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror})", remedy=AGAIN) from error


def annotation_batches(file: Path, names: list[str]) -> Iterator[pa.RecordBatch]:
    """Columns of the annotations, a batch of rows at a time."""
    with pq.ParquetFile(file) as opened:
        yield from opened.iter_batches(columns=names)


def annotation_bytes(dataset: DemographicDataset) -> bytes:
    """The annotations as the bytes of a parquet file; attributes are written as dictionaries."""
    frame = dataset.frame
    visible = [name for a in dataset.attributes if (name := VISIBLE_PREFIX + a) in frame]
    cluster = [dataset.card.cluster] if dataset.card.cluster else []
    columns = {
        name: pa.array(frame[name].astype(object), pa.string(), from_pandas=True)
        for name in dict.fromkeys([ID, *dataset.attributes, *cluster])
    }
    columns |= {name: pa.array(frame[name].to_numpy(bool)) for name in visible}
    for name in dataset.attributes:
        columns[name] = columns[name].dictionary_encode()
    sink = pa.BufferOutputStream()
    # Large row groups: a dictionary is written once a group.
    pq.write_table(pa.table(columns), sink, row_group_size=1 << 20)
    return bytes(sink.getvalue())


def dropped_bytes(dataset: DemographicDataset) -> bytes:
    """The images that the loader left out as the bytes of a parquet file."""
    columns = [REASON, *dataset.attributes]
    table = pa.table({n: pa.array(dataset.dropped[n], pa.string(), from_pandas=True) for n in columns})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue())


def image_ids(folder: Path) -> list[str]:
    """The ids of all rows, in their order."""
    batches = annotation_batches(folder / ANNOTATIONS_FILE, [ID])
    return [name for batch in batches for name in batch.column(0).to_pylist()]
