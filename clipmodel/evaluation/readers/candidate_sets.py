"""WinoGAViL: a cue and some candidate images, of which those that are associated with the cue are picked."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from clipmodel.errors import UserError
from clipmodel.evaluation.readers.captioned_images import IMAGE_FOLDERS
from clipmodel.evaluation.readers.evaluation_set import (
    IMAGE_SUFFIXES,
    CandidateSet,
    EvaluationSet,
    FunctionImages,
    checked,
)
from clipmodel.evaluation.readers.image_tables import image_bytes
from clipmodel.evaluation.registry.entry import SetEntry
from clipmodel.json_text import parse_json

NEEDED = ("cue", "candidates", "associations")
IMAGES = "candidate_images"
TABLES = ("*.parquet", "*.jsonl", "*.csv")
FOLDERS = ("winogavil_images_resized", *IMAGE_FOLDERS)
VOWELS = "aeiou"


def read_candidate_sets(root: Path, entry: SetEntry) -> EvaluationSet:
    """A folder with a table of cue, candidates and associations, and the images; or the table itself.

    The table is parquet, CSV or JSON lines; candidates and associations are lists of image names (in CSV
    written as JSON or Python lists). Images lie beside it by name, or in a column candidate_images, as the
    hub's parquet files have them. The prompt is "A cue" or "An cue", as in DataComp.

    Raises
    ------
    UserError
        There is no such table, a column is missing, an association is no candidate, or an image is missing.
    """
    path = root if root.is_file() else next((p for kind in TABLES for p in sorted(root.glob(kind))), None)
    if path is None:
        raise UserError(
            f"{root}: no table of cues",
            remedy=f"give a folder with {', '.join(NEEDED)} in a parquet or CSV file",
        )
    frame = _frame(path)
    if missing := [name for name in NEEDED if name not in frame]:
        raise UserError(f"{path}: no column {missing[0]!r}", remedy=f"columns {', '.join(NEEDED)} are needed")
    read: dict[str, Any] = {}
    sets: list[CandidateSet] = []
    captions: list[str] = []
    place: dict[str, int] = {}
    for number, row in enumerate(frame.to_dict("records"), start=1):
        names, right = (_names(row[column], path, number) for column in NEEDED[1:])
        if unknown := sorted(set(right) - set(names)):
            raise UserError(
                f"{path}, row {number}: the association {unknown[0]!r} is no candidate",
                remedy="correct the row",
            )
        if not right:
            raise UserError(f"{path}, row {number}: no association", remedy="name one or drop the row")
        if IMAGES in frame:
            read |= dict(zip(names, row[IMAGES], strict=True))
        rows = [place.setdefault(name, len(place)) for name in names]
        sets.append(
            CandidateSet(
                caption=len(captions), images=np.array(rows, dtype=np.int64), right=np.isin(names, right)
            )
        )
        captions.append(cue_prompt(str(row[NEEDED[0]])))
    ids = list(place)
    found = [read[name] if name in read else _file(path.parent, name) for name in ids]
    return checked(
        EvaluationSet(
            entry=entry,
            images=FunctionImages(ids, lambda at: image_bytes(found[at], path.parent)),
            where=str(path),
            captions=tuple(captions),
            candidate_sets=tuple(sets),
        )
    )


def cue_prompt(cue: str) -> str:
    """The cue with an article by its first letter, as DataComp writes it.

    Examples
    --------
    >>> cue_prompt("owl"), cue_prompt("pogonophile")
    ('An owl', 'A pogonophile')
    """
    text = cue.strip()
    # By the letter on purpose, not by `articles.article`: DataComp's figures are of these prompts.
    return f"{'An' if text[:1].lower() in VOWELS and text else 'A'} {text}"


def _frame(path: Path) -> pd.DataFrame:
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        return pd.read_json(path, lines=True) if path.suffix == ".jsonl" else pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}: cannot be read ({error})", remedy="give a parquet, CSV or JSON-lines file"
        ) from (error)


def _names(value: Any, path: Path, number: int) -> list[str]:
    if isinstance(value, str):
        try:
            # JSON first, then a Python literal: pandas writes lists in CSV with single quotes.
            value = parse_json(value)
        except ValueError:
            try:
                # literal_eval runs no code.
                value = ast.literal_eval(value)
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                value = None
    if not isinstance(value, list | tuple | np.ndarray):
        raise UserError(f"{path}, row {number}: no list of image names", remedy='write ["dog", "moon"]')
    return [str(name) for name in value]


def _file(root: Path, name: str) -> str:
    for folder in (root, *(root / own for own in FOLDERS)):
        for suffix in ("", *IMAGE_SUFFIXES):
            if (folder / f"{name}{suffix}").is_file():
                return str((folder / f"{name}{suffix}").resolve())
    raise UserError(f"{root}: no image of the candidate {name!r}", remedy="put the images beside the table")
