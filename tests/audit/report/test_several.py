"""Several audits on one page: every run is there, and its numbers are those of its own audit."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from audit import AuditResult
from audit import formatting as fmt
from audit.cli import app
from audit.report.several import names_of, render_several
from tests.audit.report.test_report import Page
from tests.audit.support.invented_audit import invented_result


@pytest.fixture(scope="module")
def results() -> dict[str, AuditResult]:
    return {"first": invented_result(0), "<b>second</b>": invented_result(1)}


def test_every_run_has_its_accuracy_and_findings(results: dict[str, AuditResult]) -> None:
    html = render_several(results)
    rows = {row[0]: row for row in Page(html).tables["Runs"][1:]}
    assert set(rows) == set(results)
    for name, result in results.items():
        overall = result.accuracy.query("split == '(all)' and skin_tone == '(all)' and gender == '(all)'")
        # One probe of the invented audit has a truth, so its accuracy is the mean.
        assert rows[name][4] == fmt.percent(overall["rate"].iloc[0])
        assert rows[name][6] == str(len(result.findings))
    assert "<b>second</b>" not in html


def test_runs_stand_side_by_side_and_the_figure_names_them(results: dict[str, AuditResult]) -> None:
    html = render_several(results)
    rows = Page(html).tables["Worst-off group by run"]
    assert all(len(row) == 4 for row in rows)
    assert re.search(r"<desc[^>]*>first [\d.]+ %, gap", html)


def test_twenty_runs_fit_on_one_page(results: dict[str, AuditResult]) -> None:
    html = render_several({f"run {i}": results["first"] for i in range(20)})
    assert len(html.encode()) < 1_200_000


def test_names_are_distinct() -> None:
    assert names_of([Path("a/x"), Path("b/y")]) == ["x", "y"]
    assert names_of([Path("a/x"), Path("b/x")]) == ["a/x", "b/x"]


def test_the_command_writes_the_page(results: dict[str, AuditResult], tmp_path: Path) -> None:
    folders = [results["first"].write(tmp_path / name) for name in ("one", "two")]
    out = tmp_path / "index.html"
    done = CliRunner().invoke(app, ["report", *map(str, folders), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "2 audits" in done.stdout
    assert out.read_text(encoding="utf-8").count("<h2") == 2
