"""The contract between asking and concluding: what a run of probes hands to `audit`.

`Records` holds the tables of a run, `schemas` describes every table, `manifest_types` the manifest, and
`validation` checks all of it. This package imports no torch: an audit can be read and recomputed without it.
"""

from __future__ import annotations

from collections.abc import Sequence

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
    NOT_ASKED,
    OVERALL,
    RANGES,
    REST,
    RULES,
    SCHEMA_VERSION,
    STATISTICS,
    WEIGHTED,
)

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
    "NOT_ASKED",
    "NO_TRUTH",
    "OVERALL",
    "RANGES",
    "REST",
    "RULES",
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
