from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from audit.cli import app
from tests.audit.support.invented_audit import invented_result


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return invented_result().write(tmp_path_factory.mktemp("audit") / "run")


def test_the_pack_is_written_once_and_nothing_is_overwritten(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")  # no browser: the pack has no PDF, and says so
    monkeypatch.setattr("shutil.which", lambda name, **options: None)
    done = CliRunner().invoke(app, ["evidence", str(run), "--out", str(tmp_path / "pack")])
    assert done.exit_code == 0, done.output
    files = {
        path.relative_to(tmp_path / "pack").as_posix()
        for path in (tmp_path / "pack").rglob("*")
        if path.is_file()
    }
    assert {"report.html", "model_card.md", "crosswalk.csv"} <= files
    assert f"{len(files)} files in" in done.output
    again = CliRunner().invoke(app, ["evidence", str(run), "--out", str(tmp_path / "pack")])
    assert again.exit_code == 2 and "is not an empty folder" in again.output + again.stderr


def test_a_folder_that_is_no_audit_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["evidence", str(tmp_path), "--out", str(tmp_path / "pack")])
    assert done.exit_code == 2 and not (tmp_path / "pack").exists()
