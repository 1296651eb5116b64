"""The contract between asking and concluding: what a run of probes hands to `audit`.

`Records` holds the tables of a run, `schemas` describes every table, `manifest_types` the manifest, and
`validation` checks all of it. This package imports no torch: an audit can be read and recomputed without it.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import pandas as pd

from probes.records.manifest_types import Manifest, attribute_entry, check_manifest
from probes.records.run_records import Records
from probes.records.schemas import RECORDS, SCHEMAS, attribute_column, attribute_of
from probes.records.validation import validate
from probes.records.vocabulary import (
    ALL,
    BEST,
    DID_NOT,
    EVENT_COLUMNS,
    EVENT_KINDS,
    HAPPENED,
    KEYS,
    MISSING,
    MOMENTS,
    NO_TRUTH,
    NOT_EVALUATED,
    OVERALL,
    REST,
    SCHEMA_VERSION,
    STATISTICS,
    WEIGHTED,
)
from probes.rules.rule_registry import RULES as RULE_RECORDS

__all__ = [
    "ALL",
    "BEST",
    "DID_NOT",
    "EVENT_COLUMNS",
    "EVENT_KINDS",
    "HAPPENED",
    "KEYS",
    "MISSING",
    "MOMENTS",
    "NOT_EVALUATED",
    "NO_TRUTH",
    "OVERALL",
    "REST",
    "SCHEMAS",
    "SCHEMA_VERSION",
    "STATISTICS",
    "WEIGHTED",
    "Manifest",
    "Records",
    "attribute_column",
    "attribute_entry",
    "attribute_of",
    "check_manifest",
    "empty_counts",
    "empty_table",
    "validate",
]


def empty_counts(attributes: Sequence[str]) -> pd.DataFrame:
    """A counts table without rows, for a run with these columns of group attributes."""
    return empty_table("counts", attributes)


def empty_table(name: str, attributes: Sequence[str]) -> pd.DataFrame:
    """A table of `Records` without rows, with the types of a full one."""
    return RECORDS[name].empty(attributes)


def __getattr__(name: str) -> Any:
    """Names that moved to `probes.rules.rule_registry`, for one more release."""
    if name not in ("RULES", "RANGES"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(
        f"probes.records.{name} is gone with the next release: see probes.rules.rule_registry.RULES",
        DeprecationWarning,
        stacklevel=2,
    )
    if name == "RULES":
        return tuple(RULE_RECORDS)
    known = {rule.name: rule.thresholds for rule in RULE_RECORDS.values()}
    return {name: (one.low, one.high) for name, one in known.items() if one is not None}
