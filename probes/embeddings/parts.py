"""Making a folder of embeddings part by part: each part is whole or absent, and made once.

A part is a range of rows. What is in it follows from the job alone, so whoever makes it, and however often,
writes the same bytes under the same name; a worker that dies leaves whole parts and no half of one.

Shapes: n images of a part, D joint embedding.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd

from clipmodel.errors import UserError
from clipmodel.loading import EmbeddingModel
from clipmodel.loading.reduced_precision import ReducedModel
from probes.datasets.demographic_dataset import DemographicDataset
from probes.datasets.formats.embeddings import EmbeddedDataset
from probes.embeddings.embed import SeenImages, embedded_batches, read_new_images
from probes.embeddings.folder import (
    ANNOTATIONS_FILE,
    DROPPED_FILE,
    JOB_FILE,
    FolderDataset,
    Job,
    PartManifest,
    annotation_bytes,
    dropped_bytes,
    part_path,
    read_job,
    read_part_manifest,
)
from probes.embeddings.shard_files import UNFINISHED, checksum, keys_of, shard_bytes, write_bytes

PART_IMAGES = 8192
LOST_RUN = 64  # images in a row without a file that look like a disk which went away
MODE = 0o644


def job_of(
    dataset: DemographicDataset,
    model: EmbeddingModel,
    *,
    annotations: bytes,
    part_images: int = PART_IMAGES,
    dtype: str = "float32",
    notes: Sequence[str] = (),
) -> Job:
    """The job of embedding a data set with a model; `annotations` is the file of them.

    Raises
    ------
    UserError
        The data set holds embeddings already.
    """
    if isinstance(dataset, EmbeddedDataset | FolderDataset):
        raise UserError(f"{dataset.card.name}: holds embeddings, no images", remedy="name the images")
    return Job(
        data_sha256=dataset.sha256,
        annotations_sha256=hashlib.sha256(annotations).hexdigest(),
        card={**asdict(dataset.card), "notes": list(dataset.card.notes)},
        attributes=dataset.attributes,
        orders={name: list(values) for name, values in dataset.orders.items()},
        derived=dict(dataset.derived),
        n_images=len(dataset),
        part_images=part_images,
        model={
            "name": model.name,
            "fingerprint": model.fingerprint,
            "exact_fingerprint": exact_fingerprint(model),
            "reduction": model.reduction if isinstance(model, ReducedModel) else None,
            "preprocessing": model.preprocess_id,
            "logit_scale": float(model.logit_scale),
            "logit_bias": None if model.logit_bias is None else float(model.logit_bias),
            "embed_dim": model.embed_dim,
        },
        dtype=dtype,
        notes=tuple(notes),
    )


def exact_fingerprint(model: EmbeddingModel) -> str:
    """The fingerprint of the weights in full precision, also of a model whose image tower is reduced."""
    return model.exact.fingerprint if isinstance(model, ReducedModel) else model.fingerprint


def prepare(
    folder: Path,
    dataset: DemographicDataset,
    model: EmbeddingModel,
    *,
    part_images: int = PART_IMAGES,
    dtype: str = "float32",
    notes: Sequence[str] = (),
) -> Job:
    """Write what a folder is to hold, or check that an existing folder is to hold the same.

    Raises
    ------
    UserError
        The folder cannot be written, holds other files, or the embeddings of other data, or of another model.
    """
    annotations = annotation_bytes(dataset)
    job = job_of(dataset, model, annotations=annotations, part_images=part_images, dtype=dtype, notes=notes)
    if (folder / JOB_FILE).exists():
        _check_same(folder, read_job(folder), job)
        return job
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if others := [path.name for path in folder.iterdir() if not _ours(path.name)]:
            raise UserError(
                f"{folder}: holds files, such as {min(others)}, and no embeddings",
                remedy="choose an empty or a new folder with --out",
            )
        write_bytes(folder / ANNOTATIONS_FILE, annotations, mode=MODE)
        write_bytes(folder / DROPPED_FILE, dropped_bytes(dataset), mode=MODE)
        # Last: a folder with a job file is complete in its description, and any worker may begin.
        write_bytes(folder / JOB_FILE, job.to_json().encode(), mode=MODE)
    except OSError as error:
        raise unwritable(folder, error) from error
    return job


def _ours(name: str) -> bool:
    return name in (ANNOTATIONS_FILE, DROPPED_FILE, JOB_FILE) or name.startswith((UNFINISHED, "part-"))


def _check_same(folder: Path, found: Job, job: Job) -> None:
    """Refuse to resume another job; the part size of the folder must be that of the job."""
    before, now = (json.loads(each.to_json()) for each in (found, job))  # lists, not tuples, in both
    # Compared as JSON, since that is what a later worker will read.
    differs = [name for name, value in before.items() if value != now[name]]
    if differs:
        what = {"model": "another model", "dtype": "another precision", "part_images": "other part sizes"}
        reason = next((what[name] for name in differs if name in what), "other data")
        raise UserError(
            f"{folder}: holds embeddings of {reason} (differs: {', '.join(differs)})",
            remedy="choose another folder with --out, or repeat the options it was begun with",
        )


def unwritable(folder: Path, error: OSError) -> UserError:
    """What to tell of a folder that cannot be written; finished parts stay."""
    return UserError(
        f"{folder}: cannot be written ({error.strerror or error}); finished parts are kept",
        remedy="make room or restore the disk, and run the same command again",
    )


def unfinished_parts(folder: Path, job: Job, *, verify: bool = True) -> list[int]:
    """Parts that are not there, or (with `verify`) whose checksum is not the one of their manifest."""
    return [number for number in range(job.n_parts) if not _is_finished(folder, number, verify=verify)]


def _is_finished(folder: Path, number: int, *, verify: bool) -> bool:
    manifest = read_part_manifest(folder, number)
    path = part_path(folder, number)
    try:
        # The size first: it tells a part that was cut short without reading it.
        if manifest is None or path.stat().st_size != manifest.n_bytes:
            return False
        return not verify or checksum(path) == manifest.sha256
    except FileNotFoundError:
        return False
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror})", remedy="check the disk and the permissions"
        ) from error


def make_part(
    folder: Path,
    job: Job,
    number: int,
    *,
    dataset: DemographicDataset,
    model: EmbeddingModel,
    allow_missing: bool = False,
) -> PartManifest:
    """Embed the images of a part and write it, with its manifest last.

    Raises
    ------
    UserError
        The folder cannot be written, or many images in a row have no file: the disk may have gone.
    """
    rows = job.rows(number)
    keys, vectors, reasons = _embedded(job, rows, dataset=dataset, model=model, allow_missing=allow_missing)
    data = shard_bytes(
        keys,
        vectors,
        reasons=reasons,
        metadata={"first_row": str(rows.start), "model": job.model["fingerprint"]},
    )
    manifest = PartManifest(
        sha256=hashlib.sha256(data).hexdigest(),
        n_bytes=len(data),
        unreadable={row: reason for row, reason in zip(rows, reasons, strict=True) if reason is not None},
    )
    path = part_path(folder, number)
    try:
        # The manifest follows the file: a part counts as finished only if both are whole.
        write_bytes(path, data, mode=MODE)
        text = json.dumps(asdict(manifest), indent=1, ensure_ascii=False) + "\n"
        write_bytes(path.with_suffix(".json"), text.encode(), mode=MODE)
    except OSError as error:
        raise unwritable(folder, error) from error
    return manifest


def _embedded(
    job: Job, rows: range, *, dataset: DemographicDataset, model: EmbeddingModel, allow_missing: bool
) -> tuple[np.ndarray, np.ndarray, list[str | None]]:
    """Keys [n], embeddings [n, D] and reasons [n] of the images of a part."""
    seen = SeenImages()
    # Nothing is known beforehand: a part must follow from its rows alone, not from what else was embedded.
    images = read_new_images(dataset, rows, model=model, known=keys_of([]), seen=seen)
    made: dict[str, np.ndarray] = {}
    for own, embeddings in embedded_batches(model, images):
        # Rounded to the precision of the store here; the model computed in its own.
        made |= dict(zip(own, embeddings.astype(job.dtype), strict=True))
    if not allow_missing:
        _check_there(rows, seen)
    lost = seen.unreadable_rows()
    nothing = np.zeros(model.embed_dim, job.dtype)
    vectors = np.stack([nothing if row in lost else made[seen.hashes[row]] for row in rows])
    # An unreadable image keeps its row, with 32 zero bytes for a hash, so row numbers stay those of the data.
    keys = keys_of(["0" * 64 if row in lost else seen.hashes[row] for row in rows])
    return keys, vectors, [lost.get(row) for row in rows]


def _check_there(rows: range, seen: SeenImages) -> None:
    """Images that are missing one after another are more likely a disk that went away than damage."""
    for missing, run in groupby(rows, key=lambda row: row in seen.missing):
        gone = list(run)
        if missing and len(gone) >= LOST_RUN:
            raise UserError(
                f"{len(gone):,} images in a row (rows {gone[0]:,} to {gone[-1]:,}) have no file: "
                f"{seen.missing[gone[0]]}",
                remedy="is the disk still mounted? If they are meant to be missing, add --allow-missing",
            )


def lost_by_group(folder: Path, job: Job) -> pd.DataFrame:
    """Unreadable images by reason and attribute value: reason, attribute, value, n.

    An attribute without a value counts as "(missing)"; those of the attribute "(all)" count each image once.
    """
    lost: dict[int, str] = {}
    for number in range(job.n_parts):
        manifest = read_part_manifest(folder, number)
        lost |= manifest.unreadable if manifest else {}
    columns = ["reason", "attribute", "value"]
    if not lost:
        return pd.DataFrame(columns=[*columns, "n"])
    dataset = FolderDataset(folder)
    rows = np.fromiter(lost, np.int64, len(lost))
    small = dataset.combinations
    labels = small.frame[job.attributes].iloc[small.code[rows]].fillna("(missing)").reset_index(drop=True)
    labels.insert(0, "(all)", "(all)")
    labels.insert(0, "reason", list(lost.values()))
    long = labels.melt(id_vars="reason", var_name="attribute", value_name="value")
    return long.groupby(columns, sort=False).size().reset_index(name="n")


def discard(folder: Path, numbers: Sequence[int]) -> None:
    """Remove what there is of unfinished or damaged parts, their manifests first."""
    for number in numbers:
        # The manifest makes a part count as finished, so it goes first: a kill in between leaves a part that
        # is made again.
        for path in (part_path(folder, number).with_suffix(".json"), part_path(folder, number)):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise unwritable(folder, error) from error


def remove_drafts(folder: Path) -> None:
    """Remove what killed workers left; call it when no other one is at work."""
    for draft in folder.glob(f"{UNFINISHED}*"):
        with suppress(OSError):
            draft.unlink()
