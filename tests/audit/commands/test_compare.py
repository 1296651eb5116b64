"""`clip-audit compare`."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from audit.cli import app
from audit.comparison.compare import compare
from audit.comparison.files import FILES, RUN_FILES, render_comparison, to_json
from tests.audit.support.compared_audits import drawn


def test_the_command_writes_files_and_exits_by_the_gate(tmp_path: Path) -> None:
    first, second = drawn(2000, seed=1, worse=0.2)
    first.write(tmp_path / "v1")
    second.write(tmp_path / "v2")
    words = ["compare", str(tmp_path / "v1"), str(tmp_path / "v2"), "--margin", "0.05", "--out"]
    done = CliRunner().invoke(app, [*words, str(tmp_path / "out")], env={"COLUMNS": "200"})
    assert done.exit_code == 1, done.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(FILES)
    comparison = compare(first, second, margin=0.05)
    assert (tmp_path / "out" / "compare.json").read_text() == to_json(comparison)
    page = (tmp_path / "out" / "compare.html").read_text()
    assert page == render_comparison(comparison, manifest=first.manifest)
    assert comparison.sentence.split(";")[0] in page
    assert comparison.sentence in done.output
    assert json.loads((tmp_path / "out" / "compare.json").read_text())["verdict"] == "FAIL"


def test_the_command_explains_designs(tmp_path: Path) -> None:
    drawn(50, seed=1)[0].write(tmp_path / "v1")
    folder = str(tmp_path / "v1")
    done = CliRunner().invoke(app, ["compare", folder, folder, "--designs", "default"])
    assert done.exit_code == 2
    assert "FIRST:SECOND" in done.output


def test_training_runs_of_two_models_are_a_table_of_changes(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a", "b", "c", "d")]
    results = [*drawn(60, seed=1), *drawn(60, seed=1, worse=0.3)]
    for result, folder in zip(results, folders, strict=True):
        result.write(folder)
    first, other, *second = map(str, folders)
    runs = ["compare", first, other, "--second", second[0], "--second", second[1]]
    done = CliRunner().invoke(app, [*runs, "--out", str(tmp_path / "out")], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    assert "change from the first model to the second" in done.output
    header = (tmp_path / "out" / "run_changes.csv").read_text().splitlines()[0]
    assert header.startswith("probe,outcome,by,group,reference,")
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(RUN_FILES)
    document = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert [len(document["about"][side]) for side in ("first", "second")] == [2, 2]
    assert document["columns"]["run_changes"] == header.split(",")
    page = (tmp_path / "out" / "compare.html").read_text()
    assert page.count("<table") >= 2 and "Another run of each" in page
    refused = CliRunner().invoke(app, [*runs, "--margin", "0.02"])
    assert refused.exit_code == 2
    assert "--margin compares two audits" in refused.output
