from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audit import AuditResult
from audit.result_files import JSON_TABLES
from clipmodel.errors import UserError
from tests.audit.support.full_records import full_records


@pytest.fixture(scope="module")
def result() -> AuditResult:
    return AuditResult.from_records(full_records())


def test_tables_lie_beside_as_parquet_and_csv(result: AuditResult, tmp_path: Path) -> None:
    result.write(
        tmp_path / "run", run_info={"command": "clip-audit run"}, report=lambda r: f"<p>{r.verdict}</p>"
    )
    names = {path.name for path in (tmp_path / "run").iterdir()}
    tables = {*JSON_TABLES, "counts", "curves", "images"}
    expected = {f"{table}.{suffix}" for table in tables for suffix in ("parquet", "csv")}
    assert names == expected | {"audit.json", "run.json", "report.html"}
    assert (tmp_path / "run" / "report.html").read_text() == "<p>FAIL</p>"
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "run" / "gaps.parquet"), result.gaps)
    from_csv = pd.read_csv(tmp_path / "run" / "rates.csv")
    np.testing.assert_allclose(from_csv["rate"], result.rates["rate"], rtol=1e-15)


def test_an_interrupted_write_leaves_the_earlier_audit(result: AuditResult, tmp_path: Path) -> None:
    result.write(tmp_path / "run")

    def interrupted(_: AuditResult) -> str:
        raise KeyboardInterrupt

    changed = dataclasses.replace(result, verdict="PASS")
    with pytest.raises(KeyboardInterrupt):
        changed.write(tmp_path / "run", report=interrupted)
    assert AuditResult.read(tmp_path / "run") == result
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_second_write_drops_a_stale_report_and_keeps_notes(result: AuditResult, tmp_path: Path) -> None:
    result.write(tmp_path, report=lambda _: "old")
    (tmp_path / "notes.txt").write_text("mine")
    result.write(tmp_path)
    assert not (tmp_path / "report.html").exists()
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_audit_json_alone_is_enough_to_read(result: AuditResult, tmp_path: Path) -> None:
    (tmp_path / "audit.json").write_text(result.to_json())
    read = AuditResult.read(tmp_path)
    pd.testing.assert_frame_equal(read.gaps, result.gaps)
    assert len(read.counts) == len(read.curves) == 0
    assert list(read.counts.columns) == list(result.counts.columns)
    assert list(read.curves.columns) == list(result.curves.columns)
    assert read.images is None


def test_a_folder_without_an_audit_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no audit\.json"):
        AuditResult.read(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda d: d.update(schema_version=1),
            "schema version 1, this program reads 5. Since then: ",
        ),
        (lambda d: d.pop("schema_version"), "schema version None"),
        (lambda d: d.pop("gaps"), "damaged, KeyError"),
        (lambda d: d["rates"][3].pop("rate"), "damaged, .*lacks"),
        (lambda d: d["rates"][3].update(n="many"), "damaged"),
        (lambda d: d.update(rates=7), "damaged"),
    ],
)
def test_damaged_audits_are_user_errors(result: AuditResult, tmp_path: Path, change, message: str) -> None:
    document = json.loads(result.to_json())
    change(document)
    (tmp_path / "audit.json").write_text(json.dumps(document))
    with pytest.raises(UserError, match=message):
        AuditResult.read(tmp_path)


def test_a_damaged_table_is_a_user_error(result: AuditResult, tmp_path: Path) -> None:
    result.write(tmp_path)
    (tmp_path / "counts.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match=r"counts\.parquet: damaged"):
        AuditResult.read(tmp_path)
