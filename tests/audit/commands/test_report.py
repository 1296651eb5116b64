from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from audit.cli import app
from audit.result_files import REPORT_FILE
from tests.audit.support.invented_audit import invented_result


def test_the_report_of_an_audit_is_written_again(tmp_path: Path) -> None:
    invented_result().write(tmp_path, report=lambda result: "old")
    done = CliRunner().invoke(app, ["report", str(tmp_path)], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    page = (tmp_path / REPORT_FILE).read_text()
    assert "Invented quickstart" in page and page != "old"


def test_of_several_only_those_with_a_report_are_linked(tmp_path: Path) -> None:
    result = invented_result()
    result.write(tmp_path / "a b", report=lambda _: "page")
    result.write(tmp_path / "c")
    (tmp_path / "c" / REPORT_FILE).unlink(missing_ok=True)
    out = tmp_path / "pages" / "runs.html"
    out.parent.mkdir()
    words = ["report", str(tmp_path / "a b"), str(tmp_path / "c"), "--out", str(out)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0 and "2 audits" in done.output
    page = out.read_text()
    # Links go from the page's folder, quoted.
    assert f'href="../a%20b/{REPORT_FILE}"' in page and f"../c/{REPORT_FILE}" not in page


def test_a_folder_that_holds_neither_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["report", str(tmp_path)])
    assert done.exit_code == 2
