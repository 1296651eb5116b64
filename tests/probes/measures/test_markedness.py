"""A probe that is no classification, from its YAML to the rows of measures."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from audit.result import AuditResult
from clipmodel.errors import UserError
from probes.datasets.formats.table import TableDataset
from probes.embeddings.embed import EmbeddingStore
from probes.planning.audit_plan import plan
from probes.records import Records, empty_table, validate
from probes.runner import run_suite
from probes.suite.suite import Suite, load_suite, suite_json_schema
from tests.probes.conftest import FakeModel
from tests.support.measured import measures_of

# "a red person" and "a blue person" lie on the axes of their colours; the bare prompt names green.
SUITE: dict[str, Any] = {
    "suite": "bare",
    "probes": [
        {
            "name": "default",
            "kind": "markedness",
            "neutral": "a green person",
            "marked": ["a red person", "a blue person"],
            "groups": [["gender"]],
            "min_group": 2,
        }
    ],
}
ROWS = [
    ("0.png", "red", "woman"),
    ("1.png", "green", "woman"),
    ("2.png", "green", "woman"),
    ("3.png", "blue", "man"),
    ("4.png", "green", ""),
]


@pytest.fixture
def data(write_table: Callable[[pd.DataFrame], Path]) -> TableDataset:
    return TableDataset(write_table(pd.DataFrame(ROWS, columns=["path", "colour", "gender"])))


@pytest.fixture
def records(model: FakeModel, data: TableDataset, store: EmbeddingStore) -> Records:
    return run_suite(Suite.model_validate(SUITE), model, data, store=store)


def test_green_images_are_unmarked(records: Records) -> None:
    """Of five images three are green; of three women two; one man is below min_group."""
    rows = measures_of(records)[["kind", "metric", "item", "gender", "n", "value", "note"]]
    key = ("markedness", "unmarked share", "a green person")
    assert rows.to_numpy().tolist()[:1] == [[*key, "(all)", 5, 0.6, ""]]
    assert rows.to_numpy().tolist()[2] == [*key, "woman", 3, pytest.approx(2 / 3), ""]
    man = rows.iloc[1]
    assert (man["gender"], man["n"], man["note"]) == ("man", 1, "fewer than 2 images")
    assert np.isnan(man["value"])
    assert records.excluded[["reason", "n"]].to_numpy().tolist() == [["gender not labelled", 1]]


def test_records_and_result_carry_the_measures(records: Records, tmp_path: Path) -> None:
    validate(records)
    result = AuditResult.from_records(records)
    result.write(tmp_path / "audit")
    again = AuditResult.read(tmp_path / "audit")
    assert again == result
    assert len(again.measures) == 3
    assert len(again.rates) == 0
    entry = again.manifest["probes"][0]
    assert entry["kind"] == "markedness"
    assert entry["settings"]["marked"] == ["a red person", "a blue person"]


def test_a_plan_counts_the_prompts_of_every_kind(data: TableDataset) -> None:
    planned = plan(Suite.model_validate(SUITE), data)
    assert planned.table()[["probe", "images", "prompts"]].to_numpy().tolist() == [["default", 5, 3]]
    assert planned.texts == ["a blue person", "a green person", "a red person"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("markedness", "markednes", "unknown kind of probe 'markednes' (did you mean 'markedness'?)"),
        ("marked:", "markd:", "did you mean 'marked'?"),
        ("marked: [a, b]", "marked: []", "at least 1 item"),
        ("groups", "group", "did you mean 'groups'?"),
    ],
)
def test_a_mistake_speaks_of_the_kind_that_was_written(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    path = tmp_path / "bare.yaml"
    text = "suite: bare\nprobes:\n  - name: p\n    kind: markedness\n    marked: [a, b]\n    groups: [[x]]\n"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(UserError) as caught:
        load_suite(path)
    assert words in str(caught.value)
    assert ", line " in str(caught.value)


def test_the_text_of_a_suite_keeps_what_only_its_kind_has() -> None:
    suite = Suite.model_validate(SUITE)
    assert "a red person" in suite.text
    changed = json.loads(json.dumps(SUITE))
    changed["probes"][0]["marked"] = ["a red person"]
    assert Suite.model_validate(changed).sha256 != suite.sha256


def test_editors_are_told_of_every_kind() -> None:
    schema = suite_json_schema()
    kinds = {entry["$ref"].rpartition("/")[2] for entry in schema["properties"]["probes"]["items"]["anyOf"]}
    assert {"Probe", "MarkednessProbe"} <= kinds
    assert schema["$defs"]["MarkednessProbe"]["properties"]["kind"]["const"] == "markedness"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.drop(columns="note"), "estimands: the columns must be"),
        (lambda m: m.assign(k=0), "estimands: k must hold floats"),
        (lambda m: m.assign(statistic="median"), "estimands: statistic: one of STATISTICS"),
        (lambda m: m.assign(item=None), "estimands: a missing value is written"),
        (lambda m: pd.concat([m, m.iloc[:1]]), "estimands: a row twice"),
        (lambda m: m.assign(probe="other"), r"estimands: the probes \['other'\] are not in the manifest"),
    ],
)
def test_broken_estimands_are_named(
    records: Records, change: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    broken = dataclasses.replace(records, estimands=change(records.estimands))
    with pytest.raises(ValueError, match=message):
        validate(broken)


@pytest.mark.parametrize("name", ["estimands", "scalars", "pairs", "clusters"])
def test_an_empty_table_keeps_the_contract(records: Records, name: str) -> None:
    empty = empty_table(name, records.attributes)
    validate(dataclasses.replace(records, **{name: empty}))
