"""What there is of a data set: images by group, what is lost before they are asked about, and clusters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd

from clipmodel.errors import UserError
from clipmodel.yaml_models import closest
from probes.datasets.demographic_dataset import ID, REASON, DemographicDataset, UnreadableImageError
from probes.planning.confounding import PROTECTED, confounding
from probes.records import MISSING
from probes.records.manifest_types import Confounding

READERS = 4  # threads that decode images; Pillow lets go of Python's lock
BLOCK = 256
MOST_LEVELS = 12  # an attribute of more values is not crossed unless it is asked for


def attributes_of_interest(dataset: DemographicDataset, asked: Sequence[str] = ()) -> list[str]:
    """The attributes to cross: those asked for, or two that matter to a reader and have few values.

    Raises
    ------
    UserError
        The data have no attribute of that name.
    """
    for name in asked:
        if name not in dataset.attributes:
            raise UserError(
                f"the data {dataset.card.name!r} have no attribute {name!r}",
                remedy=closest(name, dataset.attributes),
            )
    if asked:
        return list(dict.fromkeys(asked))
    # One value divides nothing, and a table of many values cannot be read.
    few = [name for name in dataset.attributes if 2 <= len(dataset.levels(name)) <= MOST_LEVELS]
    protected = [name for name in PROTECTED if name in few]
    return [*protected, *(name for name in few if name not in PROTECTED)][:2]


def crossing(dataset: DemographicDataset, attributes: Sequence[str]) -> pd.Series:
    """How many images each combination of values has, zeros included; "(missing)" where there is one.

    A combination that nobody has is the first thing an audit by two attributes should know.
    """
    columns = []
    for name in attributes:
        values = dataset.values(name)
        levels = dataset.levels(name) + ([MISSING] if values.isna().any() else [])
        columns.append(pd.Series(pd.Categorical(values.fillna(MISSING), levels), name=name))
    return pd.concat(columns, axis=1).groupby(list(attributes), observed=False).size()


def confounded(dataset: DemographicDataset, attributes: Sequence[str]) -> list[Confounding]:
    """What is associated in the data with the attributes that are crossed, a record for each pair."""
    names = [name for name in dataset.attributes if name in {*attributes, *PROTECTED}]
    labels = pd.DataFrame({name: dataset.values(name) for name in names})
    return list(confounding(labels, attributes, derived=dataset.derived).values())


def unreadable(
    dataset: DemographicDataset, *, progress: Callable[[str, int, int], None] | None = None
) -> pd.DataFrame:
    """Decode every image; one row for each that cannot be: image_id, reason and the attributes.

    Byte-identical images among the others are noted on the card (`DemographicDataset.note_copies`).
    """
    reasons: list[str | None] = []
    contents: list[str] = []
    with ThreadPoolExecutor(READERS) as pool:
        # In blocks: all results of all images would otherwise wait in memory.
        for start in range(0, len(dataset), BLOCK):
            rows = range(start, min(start + BLOCK, len(dataset)))
            for reason, content in pool.map(lambda row: _read(dataset, row), rows):
                reasons.append(reason)
                contents.append(content)
            if progress:
                progress("images read", len(reasons), len(dataset))
    good = [row for row, reason in enumerate(reasons) if reason is None]
    dataset.note_copies(good, [contents[row] for row in good])
    lost = np.array([reason is not None for reason in reasons], bool)
    table = dataset.frame.loc[lost, [ID, *dataset.attributes]].reset_index(drop=True)
    table.insert(1, REASON, [reason for reason in reasons if reason is not None])
    return table


def _read(dataset: DemographicDataset, row: int) -> tuple[str | None, str]:
    """Why an image cannot be read, None if it can; and the hash of its content, "" if it cannot."""
    try:
        data = dataset.read_bytes(row)
        dataset.image_of(row, data)
    except UnreadableImageError as error:
        return str(error), ""
    return None, dataset.hash_of(row, data)


def losses(lost: pd.DataFrame, attributes: Sequence[str]) -> pd.DataFrame:
    """Lost images by reason, most first: how many, and for each attribute how many of each value.

    Columns: reason, n, and one an attribute, its values with their numbers in words.
    """
    rows = []
    for reason, group in lost.groupby(REASON, sort=True):
        words = {name: group[name].fillna(MISSING).astype(str).value_counts() for name in attributes}
        rows.append(
            {REASON: reason, "n": len(group)}
            | {
                name: ", ".join(f"{value} {n:,}" for value, n in counts.items())
                for name, counts in words.items()
            }
        )
    table = pd.DataFrame(rows, columns=[REASON, "n", *attributes])
    return table.sort_values("n", ascending=False, kind="stable", ignore_index=True)


def cluster_sizes(dataset: DemographicDataset) -> pd.Series:
    """Images a cluster, the largest first."""
    return dataset.clusters.value_counts()
