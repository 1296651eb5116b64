from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from audit import AuditResult
from audit.result_files import JSON_TABLES
from probes.records import MISSING
from tests.audit.support.full_records import IMAGES, full_records
from tests.audit.support.naive_counts import ATTRIBUTES, records_of


@pytest.fixture(scope="module")
def result() -> AuditResult:
    return AuditResult.from_records(full_records())


def test_reading_what_was_written_gives_the_same_result(result: AuditResult, tmp_path: Path) -> None:
    result.write(tmp_path / "run")
    assert AuditResult.read(tmp_path / "run") == result


def test_a_table_without_rows_equals_itself_whatever_its_types(result: AuditResult) -> None:
    """Of categories without a value, parquet keeps no type."""
    empty = pd.DataFrame({"item": pd.Categorical([])})
    one, other = (dataclasses.replace(result, scalars=table) for table in (empty, empty.astype(object)))
    assert one == other != dataclasses.replace(result, scalars=empty.rename(columns={"item": "k"}))


def test_a_changed_cell_makes_results_unequal(result: AuditResult) -> None:
    rates = result.rates.copy()
    rates.loc[0, "count"] += 1
    assert result != dataclasses.replace(result, rates=rates)
    assert result != dataclasses.replace(result, images=None)
    assert result != "a result"


def test_the_same_records_give_the_same_bytes(result: AuditResult, tmp_path: Path) -> None:
    again = AuditResult.from_records(full_records())
    result.write(tmp_path / "a", run_info={"seconds": 1.0})
    again.write(tmp_path / "b", run_info={"seconds": 2.0})
    one, two = ((tmp_path / name / "audit.json").read_bytes() for name in "ab")
    assert hashlib.sha256(one).hexdigest() == hashlib.sha256(two).hexdigest()
    AuditResult.read(tmp_path / "a").write(tmp_path / "c")
    assert (tmp_path / "c" / "audit.json").read_bytes() == one


def test_audit_json_holds_every_table_and_nan_as_null(result: AuditResult) -> None:
    document = json.loads(result.to_json())
    assert set(document) == {
        *JSON_TABLES, "manifest", "verdict", "schema_version", "n_specifications", "columns",
    }  # fmt: skip
    assert document["verdict"] == result.verdict == "FAIL"
    assert document["n_specifications"] == 1
    for name in JSON_TABLES:
        table = getattr(result, name)
        assert document["columns"][name] == list(table.columns)
        rebuilt = pd.DataFrame(document[name], columns=list(table.columns))
        for column in table.columns:
            pd.testing.assert_series_equal(rebuilt[column].astype(table[column].dtype), table[column])
    assert document["rates"][0]["threshold"] is None


def test_counts_in_audit_json_equal_plain_masks(result: AuditResult) -> None:
    known = IMAGES[IMAGES["truth"] != MISSING]
    for row in json.loads(result.to_json())["accuracy"]:
        inside = known
        for name in ATTRIBUTES:
            inside = inside if row[name] == "(all)" else inside[inside[name] == row[name]]
        assert (row["n"], row["count"]) == (len(inside), (inside["prediction"] == inside["truth"]).sum())


def test_a_result_without_gates_or_groups() -> None:
    images = IMAGES.assign(skin_tone=None, gender=None)
    result = AuditResult.from_records(records_of(images))
    assert result.verdict == "NO GATE"
    assert len(result.gaps) == len(result.findings) == len(result.gates) == 0
    assert set(result.rates["outcome"]) == {"misclassified", "harm", "crime"}
    assert len(result.rates) == 3
    json.loads(result.to_json())


def test_reading_an_audit_imports_no_torch(result: AuditResult, tmp_path: Path) -> None:
    result.write(tmp_path)
    code = "import sys, audit; audit.AuditResult.read(sys.argv[1]); print('torch' in sys.modules)"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
