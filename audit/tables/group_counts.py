"""From the finest cells to the groups of a probe: sums of counts, and nothing estimated yet.

S specifications (design, template, rule, threshold, outcome), G groups, T truths.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probes.records import ALL, KEYS, MISSING, NO_TRUTH
from probes.records.schemas import attributes_among

SPECIFICATION = (*KEYS, "outcome")
"""Columns that name one question with one outcome; `rates` has a row for each of them and each group."""
JOINT = " x "
"""Joins the values of crossed attributes, and their names."""
OR = " or "
"""Joins the values that one class stands for."""

Probe = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class GroupCounts:
    """Counts of one probe, split by one specification of groups.

    Attributes
    ----------
    specifications
        S rows, columns `SPECIFICATION`.
    by
        The attributes that are crossed; empty for the counts over all images.
    groups
        G rows, one column an attribute of `by`: every combination of values that occur. A combination without
        images stays, with n of 0. Images that miss one of the attributes are in no group.
    truths
        Names of the T truths; one name, "(none)", where the outcome has nothing to do with the truth.
    n, count
        Images and events, integers of shape [S, G, T].
    """

    specifications: pd.DataFrame
    by: tuple[str, ...]
    groups: pd.DataFrame
    truths: tuple[str, ...]
    n: NDArray[np.int64]
    count: NDArray[np.int64]

    @property
    def probe(self) -> str:
        """Name of the probe; empty without specifications."""
        return str(self.specifications["probe"].iloc[0]) if len(self.specifications) else ""

    @property
    def names(self) -> list[str]:
        """G names: the values joined, "dark x woman"."""
        return [JOINT.join(map(str, values)) for values in self.groups.itertuples(index=False)]

    def frame(self, attributes: Sequence[str]) -> pd.DataFrame:
        """Keys, attributes, n and count: S * G rows, groups fastest, summed over truths."""
        specification = np.repeat(np.arange(len(self.specifications)), len(self.groups))
        group = np.tile(np.arange(len(self.groups)), len(self.specifications))
        table = self.specifications.take(specification).reset_index(drop=True)
        everybody = pd.Series([ALL], dtype="str").repeat(len(self.groups))
        for name in attributes:
            table[name] = (self.groups[name] if name in self.by else everybody).take(group).array
        return table.assign(n=self.n.sum(axis=2).ravel(), count=self.count.sum(axis=2).ravel())


@dataclass(frozen=True)
class SharedCounts:
    """Counts whose splits by the groups of a probe are made once, for all the tables that start from them."""

    frame: pd.DataFrame
    _made: dict[tuple[Any, ...], tuple[GroupCounts, ...]] = field(default_factory=dict, init=False)

    def splits(self, probe: Probe) -> tuple[GroupCounts, ...]:
        """What `outcome_counts` counts."""
        key = (probe["name"], *map(tuple, probe["groups"]))
        if key not in self._made:
            self._made[key] = tuple(outcome_counts(self.frame, probe))
        return self._made[key]


CountTable = pd.DataFrame | SharedCounts


def outcome_counts(counts: CountTable, probe: Probe) -> Iterator[GroupCounts]:
    """Counts of every outcome of a probe: over all images, then for each specification of groups.

    An outcome that joins several sets is their sum under "argmax", where an image is in one set at most.
    Under "probability" the sum could count an image twice: there an outcome of several sets has rows only
    where the records hold a set event with the outcome's own name.

    Parameters
    ----------
    counts
        `Records.counts` or `Records.curves`, as a table or shared.
    probe
        The probe's entry in the manifest.
    """
    if isinstance(counts, SharedCounts):
        yield from counts.splits(probe)
        return
    if not probe["outcomes"]:
        return  # a probe that is no classification: its results are measures
    own = counts[counts["probe"] == probe["name"]]
    parts = [
        pd.concat([_misclassified_cells(own, probe), _missed_cells(own)], ignore_index=True)
        if outcome["kind"] == "misclassified"
        else _set_cells(own, outcome)
        for outcome in probe["outcomes"]
    ]
    cells = [
        part.assign(outcome=outcome["name"]) for part, outcome in zip(parts, probe["outcomes"], strict=True)
    ]
    yield from _split(pd.concat(cells, ignore_index=True), probe)


def correct_counts(counts: pd.DataFrame, probe: Probe) -> Iterator[GroupCounts]:
    """Counts of right predictions by truth, for a probe that has one; groups as in `outcome_counts`.

    `specifications` has the outcome "correct". Images without a truth take no part. Values that one class
    stands for are one truth, as they are to the model: see `joined_truths`.
    """
    own = counts[counts["probe"] == probe["name"]]
    cells = _misclassified_cells(own, probe)
    right = cells.assign(count=cells["n"] - cells["count"], outcome="correct")
    yield from _split(_with_joined_truths(right, probe), probe, by_truth=True)


def group_attributes(table: pd.DataFrame) -> list[str]:
    """The columns of group attributes, of a table of which nothing but the columns is known.

    Where there is a manifest, its `attributes` say it.
    """
    return attributes_among([str(name) for name in table.columns])


def truths_of_class(probe: Probe) -> dict[str, tuple[str, ...]]:
    """The truths each class stands for: its `truth` in the manifest, or its name where it has no such key.

    None for a class that is never the right answer.
    """
    written = {entry["name"]: entry.get("truth", entry["name"]) for entry in probe.get("classes", ())}
    return {
        name: () if truth is None else (truth,) if isinstance(truth, str) else tuple(truth)
        for name, truth in written.items()
    }


def joined_truths(probe: Probe, design: str) -> dict[str, str]:
    """The values that one class of a design stands for together, and what they are called as one truth.

    "50-59 or 60-69" for the class "aged 50 to 69"; a value that its class stands for alone is not there.
    """
    stands_for = truths_of_class(probe)
    named = next((one["classes"] for one in probe.get("designs", ()) if one["name"] == design), ())
    several = [stands_for[name] for name in named if len(stands_for.get(name, ())) > 1]
    return {value: OR.join(sorted(values)) for values in several for value in values}


def _with_joined_truths(cells: pd.DataFrame, probe: Probe) -> pd.DataFrame:
    if all(len(values) < 2 for values in truths_of_class(probe).values()):
        return cells
    truth = cells["truth"].astype("str")
    for design in cells["design"].unique():
        own = (cells["design"] == design).to_numpy()
        truth = truth.mask(own, truth.replace(joined_truths(probe, str(design))))
    return cells.assign(truth=truth)


def _misclassified_cells(rows: pd.DataFrame, probe: Probe) -> pd.DataFrame:
    """One row a predicted class: its images as n, and as count those of another truth."""
    predicted = rows[
        (rows["event_kind"] == "class")
        & (rows["rule"] == "argmax")
        & ~rows["truth"].isin([MISSING, NO_TRUTH])
    ]
    stands_for = truths_of_class(probe)
    event, names = pd.factorize(predicted["event"].astype("str"))
    truth, values = pd.factorize(predicted["truth"].astype("str"))
    is_wrong = np.array(
        [[value not in stands_for.get(name, (name,)) for value in values] for name in names], bool
    )
    wrong = is_wrong.reshape(len(names), len(values))[event, truth]
    return predicted.assign(n=predicted["count"], count=np.where(wrong, predicted["count"], 0))


def _missed_cells(rows: pd.DataFrame) -> pd.DataFrame:
    """Misclassifications under the other rules: images that are given no class that is right for them."""
    return rows[
        (rows["event_kind"] == "set")
        & (rows["event"] == "misclassified")
        & (rows["rule"] != "argmax")
        & ~rows["truth"].isin([MISSING, NO_TRUTH])
    ]


def _set_cells(rows: pd.DataFrame, outcome: Mapping[str, Any]) -> pd.DataFrame:
    """One row a set event of the outcome; n is kept on one of them, so that sums count an image once."""
    sets = rows[rows["event_kind"] == "set"]
    own: pd.DataFrame = sets[sets["event"] == outcome["name"]]
    members = list(outcome["sets"])
    if len(own):
        return own
    joined = sets[sets["event"].isin(members)]
    if len(members) > 1:
        joined = joined[joined["rule"] == "argmax"]
    return joined.assign(n=np.where(joined["event"] == members[0], joined["n"], 0))


def _split(cells: pd.DataFrame, probe: Probe, *, by_truth: bool = False) -> Iterator[GroupCounts]:
    """Sum the cells for all images, then for each specification of groups."""
    cells = cells.reset_index(drop=True)
    keys = cells[list(SPECIFICATION)]
    specification = number_rows(keys)
    specifications = keys[~pd.Series(specification).duplicated().to_numpy()].reset_index(drop=True)
    specifications = specifications.astype({name: "str" for name in SPECIFICATION if name != "threshold"})
    truth, truths = _codes(cells["truth"]) if by_truth else (np.zeros(len(cells), dtype=np.intp), [NO_TRUTH])
    for by in [(), *map(tuple, probe["groups"])]:
        group, groups = _cross(cells, by)
        shape = (len(specifications), len(groups), len(truths))
        inside = group >= 0
        index = (specification, group, truth)
        flat = np.zeros(0, dtype=np.intp)
        if inside.any():
            flat = np.ravel_multi_index(tuple(part[inside] for part in index), shape)
        n, count = (
            np.bincount(flat, weights=cells[name].to_numpy()[inside], minlength=int(np.prod(shape)))
            .astype(np.int64)
            .reshape(shape)
            for name in ("n", "count")
        )
        yield GroupCounts(
            specifications=specifications, by=by, groups=groups, truths=tuple(truths), n=n, count=count
        )


def number_rows(keys: pd.DataFrame) -> NDArray[np.intp]:
    """A number from 0 for each distinct row, in order of appearance; NaN equals NaN."""
    number = np.zeros(len(keys), dtype=np.intp)
    for name in keys.columns:
        code, values = pd.factorize(keys[name])
        number, _ = pd.factorize(number * (len(values) + 1) + code + 1)
    return number


def _cross(cells: pd.DataFrame, by: tuple[str, ...]) -> tuple[NDArray[np.intp], pd.DataFrame]:
    """The group of each cell, -1 where an attribute is missing, and all combinations of the values."""
    group = np.zeros(len(cells), dtype=np.intp)
    values = []
    for name in by:
        code, words = _codes(cells[name])
        group = np.where((group < 0) | (code < 0), -1, group * len(words) + code)
        values.append(words)
    combinations = list(product(*values))
    grid = pd.DataFrame(combinations, columns=list(by), index=range(len(combinations)), dtype="str")
    return group, grid


def _codes(column: pd.Series) -> tuple[NDArray[np.intp], list[str]]:
    """Codes and values, "(missing)" as -1; in the order of the categories, or else of appearance."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        code, values = column.cat.codes.to_numpy(), column.cat.categories
    else:
        code, values = pd.factorize(column)
    words = [str(value) for value in values]
    present = np.bincount(code, minlength=len(words)) > 0
    kept = [word for word, occurs in zip(words, present, strict=True) if occurs and word != MISSING]
    place = {word: number for number, word in enumerate(kept)}
    return np.array([place.get(word, -1) for word in words], dtype=np.intp)[code], kept
