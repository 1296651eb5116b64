"""Demographic data sets, by name: `load_dataset("emoji")`, `load_dataset("table:FILE")`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from clipmodel.errors import UserError
from clipmodel.lazy_names import lazy_names
from clipmodel.yaml_models import closest, is_file, shortened
from probes.datasets.annotation_tables import SEPARATORS, SUFFIXES
from probes.datasets.cards import DataCard
from probes.datasets.dataset_kind import DatasetKind
from probes.datasets.dataset_registry import DATASETS
from probes.datasets.demographic_dataset import DemographicDataset, UnreadableImageError

if TYPE_CHECKING:
    from probes.datasets.formats.embeddings import EmbeddedDataset

__all__ = ["DataCard", "DemographicDataset", "EmbeddedDataset", "UnreadableImageError", "load_dataset"]

__getattr__, __dir__ = lazy_names(__name__, {"EmbeddedDataset": "probes.datasets.formats.embeddings"})


def load_dataset(spec: str) -> DemographicDataset:
    """A data set by what the command line calls it.

    Parameters
    ----------
    spec
        "emoji", the embedded one, or KIND:PATH, such as "table:people.csv".

    Raises
    ------
    UserError
        There is no such kind, the path is missing, or the data are damaged.

    Examples
    --------
    >>> dataset = load_dataset("emoji")
    >>> dataset.card.title, "skin_tone" in dataset.attributes
    ('Emoji of people', True)
    """
    kind, _, path = spec.partition(":")
    known = DATASETS.get(kind)
    if known is not None and known.embedded and not path:
        return known.load()
    if known is not None and not known.embedded:
        if not path:
            raise UserError(f"the data set {spec!r} needs a path", remedy=f"write {known.spec}")
        return _loaded(known, _at_home(Path(path)))
    remedy = closest(kind, list(DATASETS))
    misspelt = path and remedy.startswith("did you mean") and not is_file(Path(spec))
    if not misspelt:
        remedy = _kind_of_path(spec) or remedy
    raise UserError(f"unknown data set {shortened(spec)!r}", remedy=remedy)


def _at_home(path: Path) -> Path:
    """A path with the home folder in the place of "~", which a shell leaves alone after "table:"."""
    if not path.parts or not path.parts[0].startswith("~"):
        return path
    try:
        return path if path.exists() else path.expanduser()
    except (OSError, RuntimeError, ValueError):  # a name that is too long, or of nobody
        return path


def _kind_of_path(spec: str) -> str | None:
    """What to write where a path came without its kind; None where it looks like no path."""
    from probes.datasets.shards.part_files import holds_parts

    path = Path(spec)
    if not spec.strip() or (":" in spec and not is_file(path)):
        return None
    if is_file(path) or path.suffix.lower() in SUFFIXES:
        return f"did you mean {_kind_of_file(path)}:{spec}?"
    try:
        kind = "predictions" if holds_parts(path, suffixes=SUFFIXES) else "folder"
        return f"did you mean {kind}:{spec}?" if path.is_dir() else None
    except (OSError, ValueError):
        return None


def _kind_of_file(path: Path) -> str:
    from probes.datasets.formats.predictions import PREDICTION_COLUMNS, SCORE_PREFIX

    if path.suffix.lower() == ".npz":
        return "embeddings"
    if path.suffix.lower() == ".tar":
        return "webdataset"
    try:
        # One line tells predictions from a table without reading the file.
        with path.open(encoding="utf-8-sig") as file:
            header = file.readline().lower()
    except (OSError, UnicodeDecodeError):
        return "table"
    # Any separator: the header is looked at before the table is read.
    named = {name.strip().strip('"') for name in re.split(f"[{re.escape(SEPARATORS)}]", header)}
    predicted = any(name in PREDICTION_COLUMNS or name.startswith(SCORE_PREFIX) for name in named)
    return "predictions" if predicted else "table"


def _loaded(kind: DatasetKind, path: Path) -> DemographicDataset:
    """The data at a path; whatever the system says against reading them is a UserError."""
    try:
        path.exists()  # a name that is too long, or in a folder that may not be entered
        return kind.load(path)
    except OSError as error:
        raise UserError(
            f"{shortened(path)}: {error.strerror or error}", remedy="check the path after the colon"
        ) from error
    except UserError:
        raise
    except ValueError as error:  # a zero byte in a name, bytes that are no text
        raise UserError(f"{shortened(path)}: {shortened(error)}", remedy="restore the file") from error
    except MemoryError as error:
        raise UserError(f"{shortened(path)}: too large for the memory", remedy="give a part of it") from error
