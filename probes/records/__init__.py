"""The contract between asking and concluding: what a run of probes hands to `audit`.

Counts are the sufficient statistic. Every rate, interval and contrast derives from one tidy table with a row
for each finest cell (product of the group attributes that a probe uses) x truth x event.

This module imports no torch: an audit can be read and recomputed without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

SCHEMA_VERSION = 2
ALL = "(all)"
"""Value of a group attribute by which a row is not split."""
MISSING = "(missing)"
"""Value of an attribute that is not annotated, or not visible, for these images."""
NO_TRUTH = "(none)"
"""Truth of the rows of a probe that has none."""
REST, OVERALL, BEST = "(rest)", "(overall)", "(best)"
"""What a probe's `references` may say instead of a group: compare with all others, with all images, or with
the group in which the event is rarest."""

HAPPENED, DID_NOT, NOT_ASKED = "1", "0", "-"
"""Letters of the patterns in `Records.outcomes`."""

KEYS = ("probe", "design", "template", "rule", "threshold")
"""Columns that name one specification: one way of asking one question."""
EVENT_COLUMNS = ("truth", "event_kind", "event", "n", "count")
RULES = ("argmax", "top_k", "probability", "cosine", "calibrated")
RANGES = {"top_k": (1, np.inf), "probability": (0, 1), "cosine": (-1, 1), "calibrated": (0, 1)}
"""Where the thresholds of a rule lie: k, t, c, and the share of images that each class is given to."""
EVENT_KINDS = ("class", "set")
STATISTICS = (
    "rate",
    "share of events",
    "mean over sets",
    "signed mean over sets",
    "difference of sides",
    "mean of sides",
    "mean absolute difference",
    "standardised difference of sides",
    "one-sided standardised difference of sides",
    "standardised difference from the rest",
    "share at k",
    "largest skew",
    "smallest skew",
    "divergence",
    "entropy at k",
    "bias at k",
    "reported",
)
"""What a row of `Records.estimands` asks for; `audit.tables.measures` computes each."""
FIXED_COLUMNS = {
    "measures": (
        ("probe", "kind", "metric", "design", "template", "item", "k"),
        ("n", "value", "low", "high", "p", "p_adjusted", "note"),
    ),
    "estimands": (
        ("probe", "kind", "metric", "design", "template", "item", "k"),
        ("statistic", "note"),
    ),
    "scalars": (("probe", "template", "item", "k", "side", "image", "cluster"), ("n", "value")),
    "pairs": (
        ("probe", "rule", "threshold", "outcome", "design", "template", "other_design", "other_template"),
        ("n", "both", "only_first", "only_second", "neither"),
    ),
    "clusters": ((*KEYS, "outcome"), ("cluster", "n", "count")),
    "outcomes": (("probe", "outcome", "image", "cluster"), ("pattern",)),
}
"""Columns before and after the group attributes, of the tables that a run may have besides its counts."""
INTEGERS = frozenset({"n", "count", "both", "only_first", "only_second", "neither"})
FLOATS = frozenset({"threshold", "k", "value", "low", "high", "p", "p_adjusted"})

MANIFEST_KEYS = ("schema_version", "suite", "model", "data", "probes", "seed")
PROBE_KEYS = ("name", "groups", "outcomes")


@dataclass(frozen=True, kw_only=True)
class Records:
    """One run of a suite, before any conclusion.

    Attributes
    ----------
    manifest
        What was asked of which model on which data; JSON-able.
    counts
        Columns `KEYS`, one column a group attribute, `EVENT_COLUMNS`. `n` images have this cell and truth;
        for `count` of them the event happened. Under rule "argmax" the class events are the predictions and
        sum to `n`; under the other rules (see `scoring.assignment_rules`) an event happens where its class,
        or one class of its set, is given; the set event "misclassified", if no class is given that is right
        for the image. `threshold` is k, t, c or the share, and NaN for "argmax". Zero counts are kept.
    curves
        The columns of `counts`, set events only, for every threshold of the curve.
    excluded
        Images left out: probe, reason, one column a group attribute, n.
    images
        One row an image x probe x design x template, where it was asked for.
    measures
        Results of probes that are no classification: probe, kind, metric, design, template, item (the query,
        word, label or pair it is about), k, one column a group attribute, n, value, low, high, p, p_adjusted,
        note (what the number rests on, or why it is NaN).
    estimands
        What is to be estimated from `scalars`, one row a number: probe, kind, metric, design, template, item,
        k, one column a group attribute, statistic (one of `STATISTICS`), note.
    scalars
        One row an image (or set of counterfactual images) x item of a non-classification probe: probe,
        template, item, k, side ("first" or "second" of a contrast, "" if neither), image and cluster
        (digests, as in `outcomes`), one column a group attribute, n (what the value is a mean of: 1, or the
        pairs of a set), value.
    pairs
        Joint counts of two specifications on the same images, the first of the probe against each other one:
        probe, rule, threshold, outcome, design, template, other_design, other_template, one column a group
        attribute, n, both, only_first, only_second, neither.
    clusters
        Counts by cluster under rule "argmax", where clusters hold several images: probe, design, template,
        rule, threshold, outcome, one column a group attribute, cluster, n, count.
    outcomes
        One row an image x probe x outcome: probe, outcome, image, cluster, the group attributes, pattern.
        `image` and `cluster` are digests of what the data call them, to match the images of two runs without
        naming them. `pattern` has a letter for each specification of the probe, in the order of its `asked`
        in the manifest: "1" the event happened, "0" it did not, "-" the outcome is not counted there. None
        where it was not kept.
    confirmation
        The columns of `counts`, of the images that the suite keeps apart to confirm findings; they are in no
        other table. None where it keeps none.
    """

    manifest: dict[str, Any]
    counts: pd.DataFrame
    curves: pd.DataFrame
    excluded: pd.DataFrame
    images: pd.DataFrame | None = None
    measures: pd.DataFrame | None = None
    estimands: pd.DataFrame | None = None
    scalars: pd.DataFrame | None = None
    pairs: pd.DataFrame | None = None
    clusters: pd.DataFrame | None = None
    outcomes: pd.DataFrame | None = None
    confirmation: pd.DataFrame | None = None

    @property
    def attributes(self) -> tuple[str, ...]:
        """The group attributes, in the order of the columns."""
        return attribute_columns(self.counts)


def attribute_columns(counts: pd.DataFrame) -> tuple[str, ...]:
    """The columns of a counts table that are group attributes."""
    fixed = {*KEYS, *EVENT_COLUMNS}
    return tuple(str(column) for column in counts.columns if column not in fixed)


def empty_counts(attributes: Sequence[str]) -> pd.DataFrame:
    """A counts table without rows, with the dtypes of a full one."""
    return _empty((*KEYS, *attributes, *EVENT_COLUMNS))


def empty_table(name: str, attributes: Sequence[str]) -> pd.DataFrame:
    """A table of `FIXED_COLUMNS` without rows, with the dtypes of a full one."""
    before, after = FIXED_COLUMNS[name]
    return _empty((*before, *attributes, *after))


def _empty(columns: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=_dtype(name)) for name in columns})


def _dtype(column: str) -> str:
    return "int64" if column in INTEGERS else "float64" if column in FLOATS else "str"


def validate(records: Records) -> None:
    """Check that a run keeps the contract.

    Raises
    ------
    ValueError
        With the table, the rule that is broken and the first offending row. This is a fault of the code or
        file that made the records, not of a suite, so it is no `UserError`.
    """
    _check_manifest(records.manifest)
    attributes = records.attributes
    grouped = {name for probe in records.manifest["probes"] for spec in probe["groups"] for name in spec}
    if unknown := sorted(grouped - set(attributes)):
        raise ValueError(f"counts: no column for the group attributes {unknown}")
    of_counts = {"counts": records.counts, "curves": records.curves}
    if records.confirmation is not None:
        of_counts["confirmation"] = records.confirmation
    for name, table in of_counts.items():
        _check_columns(name, table, attributes)
        _check_values(name, table)
        _check_cells(name, table, attributes)
    expected = ["probe", "reason", *attributes, "n"]
    if list(records.excluded.columns) != expected:
        raise ValueError(f"excluded: the columns must be {expected}, not {list(records.excluded.columns)}")
    optional = {name: getattr(records, name) for name in FIXED_COLUMNS}
    present = {name: table for name, table in optional.items() if table is not None}
    for name, table in present.items():
        _check_optional(name, table, attributes)
    if records.outcomes is not None:
        _check_patterns(records.outcomes, records.manifest)
    known = {probe["name"] for probe in records.manifest["probes"]}
    for name, table in {"counts": records.counts, **present}.items():
        if unknown := sorted(set(table["probe"].unique()) - known):
            raise ValueError(f"{name}: the probes {unknown} are not in the manifest")


def _check_manifest(manifest: Mapping[str, Any]) -> None:
    if missing := [key for key in MANIFEST_KEYS if key not in manifest]:
        raise ValueError(f"manifest: the keys {missing} are missing")
    if manifest["schema_version"] != SCHEMA_VERSION:
        raise ValueError(
            f"manifest: schema_version {manifest['schema_version']!r}, expected {SCHEMA_VERSION}"
        )
    for probe in manifest["probes"]:
        if missing := [key for key in PROBE_KEYS if key not in probe]:
            raise ValueError(f"manifest: the probe {probe.get('name', '?')!r} lacks {missing}")


def _check_columns(name: str, table: pd.DataFrame, attributes: tuple[str, ...]) -> None:
    expected = [*KEYS, *attributes, *EVENT_COLUMNS]
    if list(table.columns) != expected:
        raise ValueError(f"{name}: the columns must be {expected}, not {list(table.columns)}")
    for column in ("n", "count"):
        if not pd.api.types.is_integer_dtype(table[column]):
            raise ValueError(f"{name}: {column} must hold integers, not {table[column].dtype}")
    if not pd.api.types.is_float_dtype(table["threshold"]):
        raise ValueError(f"{name}: threshold must hold floats, not {table['threshold'].dtype}")


def _check_optional(name: str, table: pd.DataFrame, attributes: tuple[str, ...]) -> None:
    expected = empty_table(name, attributes).dtypes
    if list(table.columns) != list(expected.index):
        raise ValueError(f"{name}: the columns must be {list(expected.index)}, not {list(table.columns)}")
    for column, dtype in expected.items():
        if str(column) in INTEGERS | FLOATS and table[column].dtype != dtype:
            raise ValueError(f"{name}: {column} must hold {dtype}, not {table[column].dtype}")
    words = [column for column in table.columns if column not in INTEGERS | FLOATS]
    missing = table[words].isna().any(axis=1).to_numpy()
    _refuse(name, table, missing, f"a missing value is written {MISSING!r}")
    key = [name for name in words if name != "note"] + [name for name in ("threshold", "k") if name in table]
    _refuse(name, table, table.duplicated(key).to_numpy(), "a row twice")
    if "n" in table:
        _refuse(name, table, (table["n"] < 0).to_numpy(), "n must not be negative")
    if name == "pairs":
        joint = ["both", "only_first", "only_second", "neither"]
        wrong = (table[joint].sum(axis=1) != table["n"]) | (table[joint] < 0).any(axis=1)
        _refuse(name, table, wrong.to_numpy(), "the four joint counts must sum to n")
    if name == "clusters":
        outside = ((table["count"] < 0) | (table["count"] > table["n"])).to_numpy()
        _refuse(name, table, outside, "count must lie in 0 ... n")


def _check_patterns(outcomes: pd.DataFrame, manifest: Mapping[str, Any]) -> None:
    letters = {probe["name"]: len(probe.get("asked", ())) for probe in manifest["probes"]}
    wrong = outcomes["pattern"].str.len() != outcomes["probe"].astype("str").map(letters)
    wrong |= ~outcomes["pattern"].str.fullmatch(f"[{DID_NOT}{HAPPENED}{NOT_ASKED}]*")
    _refuse("outcomes", outcomes, wrong.to_numpy(), "a pattern has one letter a specification of its probe")


def _check_values(name: str, table: pd.DataFrame) -> None:
    words = [column for column in table.columns if column not in ("threshold", "n", "count")]
    argmax = (table["rule"] == "argmax").to_numpy()
    threshold = table["threshold"].to_numpy()
    _refuse(
        name, table, table[words].isna().any(axis=1).to_numpy(), f"a missing value is written {MISSING!r}"
    )
    _refuse(name, table, ~table["rule"].isin(RULES).to_numpy(), f"rule must be one of {RULES}")
    _refuse(
        name, table, ~table["event_kind"].isin(EVENT_KINDS).to_numpy(), f"event_kind: one of {EVENT_KINDS}"
    )
    _refuse(name, table, np.isnan(threshold) != argmax, "threshold is NaN for argmax, and only there")
    for rule, (low, high) in RANGES.items():
        outside = (table["rule"] == rule).to_numpy() & ((threshold < low) | (threshold > high))
        _refuse(name, table, outside, f"threshold must lie in [{low}, {high}] for {rule}")
    outside = ((table["count"] < 0) | (table["count"] > table["n"])).to_numpy()
    _refuse(name, table, outside, "count must lie in 0 ... n")


def _check_cells(name: str, table: pd.DataFrame, attributes: tuple[str, ...]) -> None:
    cell = [*KEYS, *attributes, "truth"]
    _refuse(
        name, table, table.duplicated([*cell, "event_kind", "event"]).to_numpy(), "a cell and event twice"
    )
    by_cell = table.groupby(cell, dropna=False, observed=True, sort=False)
    _refuse(
        name, table, (by_cell["n"].transform("max") != table["n"]).to_numpy(), "n must be one within a cell"
    )
    classes = table[(table["event_kind"] == "class") & (table["rule"] == "argmax")]
    predicted = classes.groupby(cell, dropna=False, observed=True, sort=False)["count"].transform("sum")
    _refuse(name, classes, (predicted != classes["n"]).to_numpy(), "the predictions of a cell must sum to n")
    specification = table.groupby(list(KEYS), dropna=False, observed=True, sort=False)
    events = specification["event"].transform("nunique")
    _refuse(
        name, table, (by_cell["event"].transform("nunique") != events).to_numpy(), "zero counts must be kept"
    )


def _refuse(name: str, table: pd.DataFrame, broken: np.ndarray, rule: str) -> None:
    if broken.any():
        row = table.iloc[int(np.argmax(broken))].to_dict()
        raise ValueError(f"{name}: {rule}; {int(broken.sum())} rows break this, first {row}")
