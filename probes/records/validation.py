"""The check that the tables of a run keep their contract: columns, types, values, and that counts add up."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probes.records.manifest_types import Manifest, check_manifest
from probes.records.run_records import Records
from probes.records.schemas import RECORDS
from probes.records.vocabulary import (
    DID_NOT,
    EVENT_KINDS,
    HAPPENED,
    KEYS,
    MISSING,
    NOT_EVALUATED,
    STATISTICS,
    WEIGHTED,
)
from probes.rules.rule_registry import RULES, one_class_rules

COUNTS = ("counts", "curves", "confirmation")
FREE = frozenset({"images", "excluded", "annotations"})
"""Tables of which only the columns are checked."""


def validate(records: Records) -> None:
    """Check that a run keeps the contract.

    Raises
    ------
    ValueError
        With the table, the rule that is broken and the first offending row. This is a fault of the code or
        file that made the records, not of a suite, so it is no `UserError`.
    """
    check_manifest(records.manifest)
    attributes = records.attributes
    found = {name: getattr(records, name) for name in RECORDS}
    present = {name: table for name, table in found.items() if table is not None}
    for name, table in present.items():
        _check_columns(name, table, attributes)
        if name in COUNTS:
            _check_values(name, table)
            _check_cells(name, table, attributes)
        elif name not in FREE:
            _check_rows(name, table)
    if records.outcomes is not None:
        _check_bits(records.outcomes, records.manifest)
    known = {probe["name"] for probe in records.manifest["probes"]}
    for name, table in present.items():
        # Annotations are of images, whatever probe asks about them.
        if name == "annotations":
            continue
        if unknown := sorted(set(table["probe"].unique()) - known):
            raise ValueError(f"{name}: the probes {unknown} are not in the manifest")


def _check_columns(name: str, table: pd.DataFrame, attributes: tuple[str, ...]) -> None:
    expected, found = RECORDS[name].columns(attributes), [str(column) for column in table.columns]
    open_ended = RECORDS[name].prefix or RECORDS[name].optional
    fixed = found[: len(expected)] if open_ended else found
    if fixed != expected:
        raise ValueError(f"{name}: the columns must be {expected}, not {found}")
    for column, dtype in RECORDS[name].dtypes(attributes).items():
        if dtype == "int64" and not pd.api.types.is_integer_dtype(table[column]):
            raise ValueError(f"{name}: {column} must hold integers, not {table[column].dtype}")
        if dtype == "float64" and not pd.api.types.is_float_dtype(table[column]):
            raise ValueError(f"{name}: {column} must hold floats, not {table[column].dtype}")


def _check_rows(name: str, table: pd.DataFrame) -> None:
    """No missing word, no row twice, and counts that can be counts."""
    numbers = {one.name for one in RECORDS[name].fixed if one.dtype != "str"}
    words = [column for column in table.columns if column not in numbers and column not in WEIGHTED]
    missing = table[words].isna().any(axis=1).to_numpy()
    _refuse(name, table, missing, f"a missing value is written {MISSING!r}")
    key = [name for name in words if name != "note"] + [name for name in ("threshold", "k") if name in table]
    # `duplicated` takes NaN for equal to NaN, which a threshold or k may be.
    _refuse(name, table, table.duplicated(key).to_numpy(), "a row twice")
    if "n" in table:
        _refuse(name, table, (table["n"] < 0).to_numpy(), "n must not be negative")
    if name == "pairs":
        joint = ["both", "only_first", "only_second", "neither"]
        wrong = (table[joint].sum(axis=1) != table["n"]) | (table[joint] < 0).any(axis=1)
        _refuse(name, table, wrong.to_numpy(), "the four joint counts must sum to n")
    if name == "estimands":
        _refuse(name, table, ~table["statistic"].isin(STATISTICS).to_numpy(), "statistic: one of STATISTICS")
    if "count" in table:
        outside = ((table["count"] < 0) | (table["count"] > table["n"])).to_numpy()
        _refuse(name, table, outside, "count must lie in 0 ... n")
    if WEIGHTED[1] in table:
        total, events = table[WEIGHTED[0]], table[WEIGHTED[1]]
        outside = ~((events >= 0) & (events <= total)).to_numpy()
        _refuse(name, table, outside, f"{WEIGHTED[1]} must lie in 0 ... {WEIGHTED[0]}")


def _check_bits(outcomes: pd.DataFrame, manifest: Manifest) -> None:
    widths = {probe["name"]: len(probe.get("specifications", [])) for probe in manifest["probes"]}
    wrong = outcomes["outcome_bits"].str.len() != outcomes["probe"].astype("str").map(widths)
    wrong |= ~outcomes["outcome_bits"].str.fullmatch(f"[{DID_NOT}{HAPPENED}{NOT_EVALUATED}]*")
    _refuse(
        "outcomes",
        outcomes,
        wrong.to_numpy(),
        "a bit string has one character per specification of its probe",
    )


def _check_values(name: str, table: pd.DataFrame) -> None:
    words = [column for column in table.columns if column not in ("threshold", "n", "count")]
    bare = table["rule"].isin([rule.name for rule in RULES.values() if rule.thresholds is None]).to_numpy()
    threshold = table["threshold"].to_numpy()
    _refuse(
        name, table, table[words].isna().any(axis=1).to_numpy(), f"a missing value is written {MISSING!r}"
    )
    _refuse(name, table, ~table["rule"].isin(RULES).to_numpy(), f"rule must be one of {tuple(RULES)}")
    _refuse(
        name, table, ~table["event_kind"].isin(EVENT_KINDS).to_numpy(), f"event_kind: one of {EVENT_KINDS}"
    )
    _refuse(
        name, table, np.isnan(threshold) != bare, "threshold is NaN for a rule that has none, and only there"
    )
    for rule in RULES.values():
        if rule.thresholds is not None:
            outside = (table["rule"] == rule.name).to_numpy() & ~rule.thresholds.contains(threshold)
            _refuse(name, table, outside, f"thresholds of {rule.name} are {rule.thresholds.range_words}")
    outside = ((table["count"] < 0) | (table["count"] > table["n"])).to_numpy()
    _refuse(name, table, outside, "count must lie in 0 ... n")


def _check_cells(name: str, table: pd.DataFrame, attributes: tuple[str, ...]) -> None:
    cell = [*KEYS, *attributes, "truth"]
    _refuse(
        name, table, table.duplicated([*cell, "event_kind", "event"]).to_numpy(), "a cell and event twice"
    )
    # The threshold of argmax is NaN; without dropna=False its rows would leave the check.
    by_cell = table.groupby(cell, dropna=False, observed=True, sort=False)
    _refuse(
        name, table, (by_cell["n"].transform("max") != table["n"]).to_numpy(), "n must be one within a cell"
    )
    # Only under these rules is each image assigned one class, and each image counted once.
    classes = table[(table["event_kind"] == "class") & table["rule"].isin(one_class_rules())]
    predicted = classes.groupby(cell, dropna=False, observed=True, sort=False)["count"].transform("sum")
    _refuse(name, classes, (predicted != classes["n"]).to_numpy(), "the predictions of a cell must sum to n")
    specification = table.groupby(list(KEYS), dropna=False, observed=True, sort=False)
    events = specification["event"].transform("nunique")
    _refuse(
        name, table, (by_cell["event"].transform("nunique") != events).to_numpy(), "zero counts must be kept"
    )


def _refuse(name: str, table: pd.DataFrame, broken: NDArray[np.bool_], rule: str) -> None:
    if broken.any():
        row = table.iloc[int(np.argmax(broken))].to_dict()
        raise ValueError(f"{name}: {rule}; {int(broken.sum())} rows break this, first {row}")
