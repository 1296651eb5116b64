"""Two designs of one probe: the gap in crime is .4 in the first and .1 in the second."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from probes.mitigation.class_design import least_gap_designs, rates_by_group
from probes.records import KEYS, Records, attribute_entry, empty_counts, empty_table
from tests.audit.support.naive_counts import manifest_of, probe_entry

EVENTS = {"default": {"man": 1, "woman": 5}, "with_child": {"man": 2, "woman": 3}}  # of ten each


def records(**changes: object) -> Records:
    rows = [
        (*("work", design, "plain", "argmax", np.nan), gender, "(none)", "set", "harm: crime", 10, count)
        for design, groups in EVENTS.items()
        for gender, count in groups.items()
    ]
    columns = [*KEYS, "gender", "truth", "event_kind", "event", "n", "count"]
    probe = probe_entry(
        groups=[["gender"]], designs=[{"name": name} for name in EVENTS], templates=["plain"], **changes
    )
    manifest = manifest_of(probe, attributes=[attribute_entry("gender")])
    return Records(
        manifest=manifest, counts=pd.DataFrame(rows, columns=columns),  # type: ignore[arg-type]
        curves=empty_counts(["gender"]), excluded=empty_table("excluded", ["gender"]),
    )  # fmt: skip


def test_rates_are_summed_over_truths() -> None:
    twice = pd.concat([records().counts, records().counts.assign(truth="judge", count=0)])
    rates = rates_by_group(twice, "gender").set_index(["design", "gender"])["rate"]
    assert rates["default", "woman"] == pytest.approx(5 / 20)


def test_the_design_with_the_least_gap_is_chosen() -> None:
    assert least_gap_designs(records(), "gender") == {"work": "with_child"}
    equal = records()
    equal = dataclasses.replace(equal, counts=equal.counts.assign(count=3))
    assert least_gap_designs(equal, "gender") == {"work": "default"}  # a tie keeps the first


def test_a_probe_that_leaves_no_choice_is_passed_over() -> None:
    assert least_gap_designs(records(), "skin_tone") == {}
    alone = records()
    alone.manifest["probes"][0]["designs"] = [{"name": "default"}]
    assert least_gap_designs(alone, "gender") == {}
