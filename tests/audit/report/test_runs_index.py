"""The index of a folder of runs lists them, links their reports, and draws trends of one suite on one set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from typer.testing import CliRunner

from audit.cli import app
from audit.report.runs_index import SEARCH_SCRIPT, IndexedRun, render_index
from audit.report.several import paired_with_first
from tests.audit.support.invented_audit import invented_result

RESULT = invented_result()


def test_the_latest_run_comes_first_and_trends_join_runs_of_one_suite() -> None:
    other = replace(
        RESULT, manifest={**RESULT.manifest, "suite": {**RESULT.manifest["suite"], "name": "<b>other"}}
    )  # type: ignore[arg-type]
    runs = [
        IndexedRun(name="v1", result=RESULT, started="2026-01-01T10:00:00+00:00", href="v1/report.html"),
        IndexedRun(name="v2", result=RESULT, started="2026-02-01T10:00:00+00:00"),
        IndexedRun(name="alone", result=other, started="2025-01-01T10:00:00+00:00"),
    ]
    page = render_index(runs)
    assert page.index(">v2<") < page.index(">v1<") < page.index(">alone<")
    assert '<a href="v1/report.html">v1</a>' in page and "2026-02-01 10:00" in page
    assert page.count("<figure>") == 1  # one suite has two runs
    assert "<b>other" not in page and "&lt;b&gt;other" in page
    assert SEARCH_SCRIPT in page and "connect-src" not in page


def test_the_command_finds_the_runs_of_a_folder(tmp_path: Path) -> None:
    for name in ("v1", "v2"):
        RESULT.write(tmp_path / "runs" / name)
    (tmp_path / "runs" / "notes").mkdir()
    out = tmp_path / "runs" / "index.html"
    done = CliRunner().invoke(app, ["report", str(tmp_path / "runs"), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "2 runs" in done.output
    assert ">v1<" in out.read_text(encoding="utf-8")


def test_a_run_paired_with_itself_has_not_changed() -> None:
    paired = paired_with_first({"a": RESULT, "b": RESULT})
    assert [(name, told) for name, _, told in paired] in ([], [("b against a", [])])
