from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from probes.records import Records, empty_counts, validate
from tests.audit.support.naive_counts import ATTRIBUTES, draw_images, probe_entry, records_of

RECORDS = records_of(draw_images(80, seed=0))


def with_counts(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Records:
    return dataclasses.replace(RECORDS, counts=change(RECORDS.counts.copy()))


def put(column: str, value: object, row: int = 0) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(counts: pd.DataFrame) -> pd.DataFrame:
        counts.loc[row, column] = value
        return counts

    return change


def test_records_that_keep_the_contract_pass() -> None:
    validate(RECORDS)
    assert RECORDS.attributes == ATTRIBUTES


def test_no_rows_at_all_pass() -> None:
    validate(dataclasses.replace(RECORDS, counts=empty_counts(ATTRIBUTES)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.drop(columns="truth"), "the columns must be"),
        (lambda c: c[[*reversed(c.columns)]], "the columns must be"),
        (lambda c: c.astype({"n": "float64"}), "n must hold integers"),
        (lambda c: c.assign(threshold=None), "threshold must hold floats"),
        (put("gender", None), "a missing value is written '\\(missing\\)'"),
        (put("rule", "top5"), "rule must be one of"),
        (put("event_kind", "word"), "event_kind: one of"),
        (put("threshold", 0.5), "threshold is NaN for a rule that has none, and only there"),
        (lambda c: c.assign(rule="probability"), "threshold is NaN for a rule that has none, and only there"),
        (lambda c: c.assign(rule="probability", threshold=1.5), r"thresholds of probability are from 0 to 1"),
        (put("count", -1), r"count must lie in 0 \.\.\. n; 1 rows break this"),
        (put("count", 10_000), r"count must lie in 0 \.\.\. n"),
        (lambda c: pd.concat([c, c.iloc[:1]], ignore_index=True), "a cell and event twice"),
        (lambda c: c.assign(n=c["n"] + (c.index == 1)), "n must be one within a cell"),
        (lambda c: c.assign(count=np.where(c["event"] == "cook", 0, c["count"])), "must sum to n"),
        (lambda c: c.drop(index=c.index[c["event"] == "thief"][0]), "must sum to n|zero counts must be kept"),
        (lambda c: c.drop(index=c.index[(c["event_kind"] == "set")][0]), "zero counts must be kept"),
        (lambda c: c.assign(probe="other"), r"the probes \['other'\] are not in the manifest"),
    ],
)
def test_broken_counts_are_named(change: Callable[[pd.DataFrame], pd.DataFrame], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        validate(with_counts(change))


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (
            {"schema_version": 1},
            "schema version 1, this program reads 5. Since then: group",
        ),
        ({"probes": [{"name": "work", "groups": []}]}, r"manifest: probes.0.outcomes: Field required"),
        ({"probes": [probe_entry(groups=[["age"]])]}, r"the probe 'work' compares by \['age'\]"),
    ],
)
def test_broken_manifests_are_named(manifest: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        validate(dataclasses.replace(RECORDS, manifest=RECORDS.manifest | manifest))


def test_a_manifest_without_its_seed_is_refused() -> None:
    manifest = {key: value for key, value in RECORDS.manifest.items() if key != "seed"}
    with pytest.raises(ValueError, match="manifest: seed: Field required"):
        validate(dataclasses.replace(RECORDS, manifest=manifest))


def test_excluded_has_its_columns() -> None:
    with pytest.raises(ValueError, match="excluded: the columns must be"):
        validate(dataclasses.replace(RECORDS, excluded=RECORDS.excluded.drop(columns="reason")))
