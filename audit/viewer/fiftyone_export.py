"""The outcomes of an audit as a data set for FiftyOne, in its JSON layout; FiftyOne itself is not needed.

The layout is that of fiftyone.types.FiftyOneDataset before version 0.8 (metadata.json without a version, and
samples.json), which later versions still import. Images are named, not copied.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from audit.result import AuditResult
from clipmodel.atomic_files import replace_file
from clipmodel.errors import UserError
from probes.records import MISSING, NOT_EVALUATED

METADATA_FILE, SAMPLES_FILE = "metadata.json", "samples.json"
LABEL: Final = "Classification"
WORDS: Final = {"1": "happened", "0": "did not happen"}


def write_fiftyone(result: AuditResult, folder: Path, *, files: Mapping[str, Path]) -> int:
    """Write the data set; return how many samples it has.

    A sample is an image, with its groups as strings and a field PROBE_OUTCOME for each outcome, in the first
    specification: a classification "happened" or "did not happen".

    Parameters
    ----------
    files
        Image digest, as in `AuditResult.outcomes` -> its file.

    Raises
    ------
    UserError
        The audit keeps no outcomes of images, or the folder cannot be written.

    Examples
    --------
    In FiftyOne: ``fiftyone.Dataset.from_dir(FOLDER, dataset_type=fiftyone.types.FiftyOneDataset)``.
    """
    if result.outcomes is None or not len(result.outcomes):
        raise UserError("the audit holds no outcomes of single images", remedy="run it again")
    samples: dict[str, dict[str, Any]] = {}
    attributes = [name for name in result.outcomes.columns
                  if name not in ("probe", "outcome", "image", "cluster", "outcome_bits")]  # fmt: skip
    for row in result.outcomes.to_dict("records"):
        if row["image"] not in files:
            continue
        sample = samples.setdefault(row["image"], _sample(files[row["image"]]))
        groups = {
            name: str(row[name]) for name in attributes if str(row[name]) not in (MISSING, "nan", "(all)")
        }
        sample.update({name: {"_cls": LABEL, "label": value} for name, value in groups.items()})
        if (character := str(row["outcome_bits"])[0]) != NOT_EVALUATED:
            sample[f"{row['probe']}_{row['outcome']}"] = {"_cls": LABEL, "label": WORDS[character]}
    info = {
        "model": result.manifest["model"]["name"], "data": result.manifest["data"]["name"],
        "suite": result.manifest["suite"]["name"],
    }  # fmt: skip
    _write(folder / METADATA_FILE, {"media_type": "image", "info": info})
    _write(folder / SAMPLES_FILE, {"samples": list(samples.values())})
    return len(samples)


def _sample(file: Path) -> dict[str, Any]:
    return {"filepath": str(file.resolve()), "tags": ["clip-audit"]}


def _write(path: Path, content: Mapping[str, Any]) -> None:
    text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, lambda file: file.write(text.encode()))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", remedy="choose another folder") from error
