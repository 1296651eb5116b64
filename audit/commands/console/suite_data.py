"""The data that a suite names, or that the command line names instead, and what to know of its groups."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from clipmodel.errors import UserError

if TYPE_CHECKING:
    from probes.datasets import DemographicDataset
    from probes.suite.suite import Suite

MOST_ODD = 5  # values that are shown
__all__ = ["data_of", "notes_on_groups"]


def data_of(suite: str, questions: Suite, data: str | None) -> DemographicDataset:
    """Load the data that the command line names, or else the suite.

    Parameters
    ----------
    suite
        The suite as the command line names it: a file, or a shipped one.
    questions
        What it says.
    data
        The option --data, if it was given.

    Raises
    ------
    UserError
        See `probes.datasets.load_dataset`. Where the suite names no kind of data, or data that are not
        there, the message names its file and line.
    """
    from probes.datasets import load_dataset

    if data is not None:
        return load_dataset(data)
    try:
        return load_dataset(questions.data)
    except UserError as error:
        if _is_there(questions.data) or (line := _line_of_data(Path(suite))) is None:
            raise
        raise UserError(f"{suite}, line {line}: data: {error.message}", remedy=error.remedy) from error


def _is_there(spec: str) -> bool:
    """Whether data are where a suite says, so that what is wrong with them is no mistake of the suite."""
    from probes.datasets.dataset_registry import DATASETS

    kind, _, path = spec.partition(":")
    try:
        return kind in DATASETS and Path(path).exists()
    except (OSError, ValueError):
        return False


def _line_of_data(suite: Path) -> int | None:
    """The line of the key data in a file; None in a shipped suite."""
    from clipmodel.yaml_documents import read_document
    from clipmodel.yaml_models import is_file

    return read_document(suite).line_of(["data"]) if is_file(suite) else None


def notes_on_groups(questions: Suite, dataset: DemographicDataset) -> list[str]:
    """What to know of the attributes that a suite groups by: identifiers, columns of a model, odd values.

    Of a folder of embeddings nothing: the data that it was made of said it.
    """
    from probes.datasets.checks.attribute_notes import attribute_notes
    from probes.datasets.checks.odd_values import odd_values
    from probes.embeddings.folder import FolderDataset

    if isinstance(dataset, FolderDataset):
        return []
    known = [name for name in questions.attributes if name in dataset.attributes]  # others are refused later
    notes = attribute_notes(dataset.frame, known, beside=dataset.attributes)
    told = [one for some in notes.values() for one in some]
    for name in known:
        if found := odd_values(dataset.frame[name]):
            shown = ", ".join(repr(one.value) for one in found[:MOST_ODD])
            told.append(f"Odd values of {name}: {shown}; clip-audit data check says what to do with them.")
    return told
