"""From the finest cells to the groups of a probe: sums of counts, and nothing estimated yet.

S specifications (design, template, rule, threshold, outcome), G groups, T truths.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.tables.groups.coded_table import JOINT, CodedTable
from clipmodel.array_types import Codes
from probes.records import KEYS, MISSING, NO_TRUTH
from probes.records.schemas import attributes_among
from probes.rules.rule_registry import one_class_rules

__all__ = [
    "JOINT", "OR", "SPECIFICATION", "CountTable", "GroupCounts", "Probe", "SharedCounts", "correct_counts",
    "group_attributes", "joined_truths", "outcome_counts", "truths_of_class",
]  # fmt: skip

SPECIFICATION = (*KEYS, "outcome")
"""Columns that name one question with one outcome; `rates` has a row for each of them and each group."""
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
        G rows, one column per attribute of `by`: every combination of values that occur. A combination
        without images stays, with n of 0. Images that miss one of the attributes are in no group.
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

    @cached_property
    def names(self) -> list[str]:
        """G names: the values joined, "dark x woman"."""
        return [JOINT.join(map(str, values)) for values in self.groups.itertuples(index=False)]


@dataclass(frozen=True)
class SharedCounts(CodedTable):
    """Counts that are coded once, and divided by the groups of a probe once, for all the tables."""

    _made: dict[tuple[Any, ...], tuple[GroupCounts, ...]] = field(default_factory=dict, init=False)

    def splits(self, probe: Probe) -> tuple[GroupCounts, ...]:
        """What `outcome_counts` counts."""
        key = (probe["name"], *map(tuple, probe["groups"]))
        if key not in self._made:
            self._made[key] = tuple(_outcome_counts(self, probe))
        return self._made[key]

    def numbers(self, name: str) -> NDArray[np.int64]:
        """[rows] a column of counts."""
        return self.frame[name].to_numpy(dtype=np.int64)


CountTable = pd.DataFrame | SharedCounts


@dataclass(frozen=True, kw_only=True)
class _Cells:
    """Some rows of the counts [R], each with the images and events that it stands for."""

    rows: Codes
    n: NDArray[np.int64]
    count: NDArray[np.int64]


def outcome_counts(counts: CountTable, probe: Probe) -> Iterator[GroupCounts]:
    """Counts of every outcome of a probe: over all images, then for each specification of groups.

    An outcome that joins several sets is their sum under a rule that assigns one class, where an image is in
    one set at most. Under any other the sum could count an image twice: there an outcome of several sets has
    rows only if the records hold a set event with the outcome's own name.

    Parameters
    ----------
    counts
        `Records.counts` or `Records.curves`, as a table or shared.
    probe
        The probe's entry in the manifest.
    """
    yield from _shared(counts).splits(probe)


def _shared(counts: CountTable) -> SharedCounts:
    return counts if isinstance(counts, SharedCounts) else SharedCounts(counts)


def _outcome_counts(counts: SharedCounts, probe: Probe) -> Iterator[GroupCounts]:
    if not probe["outcomes"]:
        return  # a probe that is no classification: its results are measures
    parts = [
        _joined([_misclassified_cells(counts, probe), _missed_cells(counts, probe)])
        if outcome["kind"] == "misclassified"
        else _set_cells(counts, probe, outcome)
        for outcome in probe["outcomes"]
    ]
    outcome = np.repeat(np.arange(len(parts)), [len(part.rows) for part in parts])
    names = [str(outcome["name"]) for outcome in probe["outcomes"]]
    yield from _split(counts, _joined(parts), probe, outcome=outcome, names=names)


def correct_counts(counts: CountTable, probe: Probe) -> Iterator[GroupCounts]:
    """Counts of right predictions by truth, for a probe that has one; groups as in `outcome_counts`.

    `specifications` has the outcome "correct". Images without a truth take no part. Values that one class
    stands for are one truth, as they are to the model: see `joined_truths`.
    """
    shared = _shared(counts)
    cells = _misclassified_cells(shared, probe)
    right = replace(cells, count=cells.n - cells.count)
    truth = _truth_codes(shared, cells.rows, probe)
    outcome = np.zeros(len(cells.rows), dtype=np.intp)
    yield from _split(shared, right, probe, outcome=outcome, names=["correct"], truth=truth)


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


def _truth_codes(counts: SharedCounts, rows: Codes, probe: Probe) -> tuple[Codes, list[str]]:
    """The truth of some rows as codes, and the truths; values that one class stands for are one."""
    if all(len(values) < 2 for values in truths_of_class(probe).values()):
        return _codes(counts, "truth", rows)
    (design, designs), (truth, values) = counts.codes("design"), counts.codes("truth")
    named = [joined_truths(probe, str(name)) for name in designs]
    renamed = np.array([[one.get(value, value) for value in values] for one in named], dtype=object)
    renamed = renamed.reshape(len(designs), len(values))
    code, words = pd.factorize(renamed[design[rows], truth[rows]])
    return np.asarray(code, dtype=np.intp), [str(word) for word in words]


def _misclassified_cells(counts: SharedCounts, probe: Probe) -> _Cells:
    """One row per predicted class: its images as n, and as count those of another truth."""
    rows = np.flatnonzero(
        counts.having("probe", probe["name"])
        & counts.having("event_kind", "class")
        & counts.having("rule", *one_class_rules())
        & ~counts.having("truth", MISSING, NO_TRUTH)
    )
    stands_for = truths_of_class(probe)
    (event, names), (truth, values) = counts.codes("event"), counts.codes("truth")
    is_wrong = np.array(
        [[value not in stands_for.get(name, (name,)) for value in values] for name in names], bool
    )
    wrong = is_wrong.reshape(len(names), len(values))[event[rows], truth[rows]]
    n = counts.numbers("count")[rows]
    return _Cells(rows=rows, n=n, count=np.where(wrong, n, 0))


def _missed_cells(counts: SharedCounts, probe: Probe) -> _Cells:
    """Misclassifications under rules that may assign several classes or none: images without a right one."""
    return _cells(
        counts,
        counts.having("probe", probe["name"])
        & counts.having("event_kind", "set")
        & counts.having("event", "misclassified")
        & ~counts.having("rule", *one_class_rules())
        & ~counts.having("truth", MISSING, NO_TRUTH),
    )


def _set_cells(counts: SharedCounts, probe: Probe, outcome: Mapping[str, Any]) -> _Cells:
    """One row per set event of the outcome; n is kept on one of them, so that sums count an image once."""
    sets = counts.having("probe", probe["name"]) & counts.having("event_kind", "set")
    own = _cells(counts, sets & counts.having("event", outcome["name"]))
    members = list(outcome["sets"])
    if len(own.rows):
        return own
    among = sets & counts.having("event", *members)
    joined = _cells(counts, among & counts.having("rule", *one_class_rules()) if len(members) > 1 else among)
    first = counts.having("event", *members[:1])[joined.rows]
    return replace(joined, n=np.where(first, joined.n, 0))


def _cells(counts: SharedCounts, chosen: NDArray[np.bool_]) -> _Cells:
    rows = np.flatnonzero(chosen)
    return _Cells(rows=rows, n=counts.numbers("n")[rows], count=counts.numbers("count")[rows])


def _joined(parts: Sequence[_Cells]) -> _Cells:
    return _Cells(**{
        name: np.concatenate([getattr(part, name) for part in parts]) for name in ("rows", "n", "count")
    })  # fmt: skip


def _split(
    counts: SharedCounts, cells: _Cells, probe: Probe, *, outcome: Codes, names: Sequence[str],
    truth: tuple[Codes, list[str]] | None = None,
) -> Iterator[GroupCounts]:  # fmt: skip
    """Sum the cells for all images, then for each specification of groups.

    `outcome` [R] are places among the outcomes' names; `truth`, codes and the truths, divides by truth.
    """
    specification, first = _specification_codes(counts, cells.rows, outcome)
    specifications = pd.DataFrame({
        name: pd.Series(words[code[cells.rows[first]]], dtype="float64" if name == "threshold" else "str")
        for name in KEYS
        for code, words in [counts.codes(name)]
    } | {"outcome": pd.Series([names[place] for place in outcome[first]], dtype="str")})  # fmt: skip
    of_truth, truths = truth or (np.zeros(len(cells.rows), dtype=np.intp), [NO_TRUTH])
    for by in [(), *map(tuple, probe["groups"])]:
        group, groups = _cross(counts, cells.rows, by)
        shape = (len(specifications), len(groups), len(truths))
        inside = group >= 0
        flat = np.zeros(0, dtype=np.intp)
        if inside.any():
            index = (specification, group, of_truth)
            flat = np.ravel_multi_index(tuple(part[inside] for part in index), shape)
        n, count = (
            np.bincount(flat, weights=each[inside], minlength=int(np.prod(shape)))
            .astype(np.int64)
            .reshape(shape)
            for each in (cells.n, cells.count)
        )
        yield GroupCounts(
            specifications=specifications, by=by, groups=groups, truths=tuple(truths), n=n, count=count
        )


def _specification_codes(counts: SharedCounts, rows: Codes, outcome: Codes) -> tuple[Codes, Codes]:
    """The specification of each row, from 0 in order of appearance, and the place of the first of each."""
    number = outcome.astype(np.int64)
    for name in KEYS:
        code, words = counts.codes(name)
        # Numbered anew after each column: the product of many numbers of values would overflow.
        number = pd.factorize(number * len(words) + code[rows])[0]
    first = np.flatnonzero(~pd.Series(number).duplicated().to_numpy())
    return np.asarray(number, dtype=np.intp), first


def _cross(counts: SharedCounts, rows: Codes, by: tuple[str, ...]) -> tuple[Codes, pd.DataFrame]:
    """The group of each row, -1 where an attribute is missing, and all combinations of the values."""
    group = np.zeros(len(rows), dtype=np.intp)
    values = []
    for name in by:
        code, words = _codes(counts, name, rows)
        group = np.where((group < 0) | (code < 0), -1, group * len(words) + code)
        values.append(words)
    combinations = list(product(*values))
    grid = pd.DataFrame(combinations, columns=list(by), index=range(len(combinations)), dtype="str")
    return group, grid


def _codes(counts: SharedCounts, name: str, rows: Codes) -> tuple[Codes, list[str]]:
    """Codes of some rows and their values, "(missing)" as -1; categories in order, or as they appear."""
    code, words = counts.codes(name)
    code = code[rows]
    present = np.bincount(code, minlength=len(words)) > 0
    order = np.flatnonzero(present)
    if not counts.ordered(name):
        order = pd.unique(code)
    kept = [int(place) for place in order if words[place] != MISSING]
    place = np.full(len(words), -1, dtype=np.intp)
    place[kept] = np.arange(len(kept))
    return place[code], [str(words[one]) for one in kept]
