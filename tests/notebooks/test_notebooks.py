"""Notebooks run from top to bottom on real audits, and are committed without outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from audit.comparison.compare import compare
from audit.result import AuditResult
from clipmodel import load_model
from probes.datasets import load_dataset
from probes.runner import run_suite
from probes.suite.suite import load_suite

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
TIMEOUT_SECONDS = 600

pytestmark = pytest.mark.notebook
nbformat = pytest.importorskip("nbformat", reason="the notebook extra is not installed")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_not_committed(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert cells
    assert all(cell.outputs == [] and cell.execution_count is None for cell in cells)


def _execute(path: Path, **environment: str) -> Any:
    nbclient = pytest.importorskip("nbclient", reason="the notebook extra is not installed")
    notebook = nbformat.read(path, as_version=4)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        client = nbclient.NotebookClient(
            notebook, timeout=TIMEOUT_SECONDS, resources={"metadata": {"path": str(path.parent)}}
        )
        client.execute()
    return notebook


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a real run of the default audit, without its report."""
    folder = tmp_path_factory.mktemp("quickstart")
    suite = load_suite("quickstart")
    records = run_suite(suite, load_model("tiny"), load_dataset(suite.data))
    return AuditResult.from_records(records).write(folder)


@pytest.fixture(scope="module")
def executed(quickstart: Path) -> Any:
    """The first notebook, run on it."""
    return _execute(NOTEBOOKS[0], CLIP_AUDIT_RUN=str(quickstart))


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """The second notebook, with the two audits that it makes."""
    runs = tmp_path_factory.mktemp("release")
    return _execute(NOTEBOOKS[1], CLIP_AUDIT_RELEASE=str(runs)), runs


def _printed(notebook: Any) -> str:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.text for output in outputs if output.output_type == "stream")


def _data(notebook: Any, mime: str) -> list[str]:
    return [
        output.data[mime]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if mime in output.get("data", {})
    ]


# Those that read the default audit, and those that make audits of their own.
READERS = ("03", "04", "09", "10")
MAKERS = ("05", "06", "07", "08")


@pytest.mark.parametrize("number", READERS)
@pytest.mark.slow
def test_a_notebook_that_reads_an_audit_runs_on_a_real_one(quickstart: Path, number: str) -> None:
    path = next(path for path in NOTEBOOKS if path.stem.startswith(number))
    notebook = _execute(path, CLIP_AUDIT_RUN=str(quickstart))
    assert _data(notebook, "text/html")


@pytest.mark.parametrize("number", MAKERS)
@pytest.mark.slow
def test_a_notebook_that_makes_an_audit_runs(tmp_path: Path, number: str) -> None:
    path = next(path for path in NOTEBOOKS if path.stem.startswith(number))
    notebook = _execute(path, CLIP_AUDIT_WORK=str(tmp_path))
    assert _data(notebook, "text/html") or _data(notebook, "image/svg+xml")


@pytest.mark.slow
def test_the_first_notebook_shows_tables_and_figures(executed: Any) -> None:
    assert len(_data(executed, "image/svg+xml")) == 4
    assert len(_data(executed, "image/png")) == 1
    assert len(_data(executed, "text/html")) >= 5


@pytest.mark.slow
def test_its_tables_are_those_of_the_audit(executed: Any, quickstart: Path) -> None:
    tables = "".join(_data(executed, "text/html"))
    dark = AuditResult.read(quickstart).rates.query(
        "probe == 'denigration' and design == 'default' and rule == 'argmax' and outcome == 'harm'"
        " and skin_tone == 'dark' and gender == '(all)'"
    )
    assert f"{dark['rate'].iloc[0]:.3f}" in tables
    assert "Which of sixteen occupations does the image show?" in tables


def test_the_release_check_compares_what_compare_compares(release: tuple[Any, Path]) -> None:
    notebook, runs = release
    comparison = compare(*(AuditResult.read(runs / name) for name in ("current", "new")), margin=0.05)
    assert f"{comparison.verdict} - {comparison.sentence}" in _printed(notebook)
    assert len(_data(notebook, "image/svg+xml")) == 2
    tables = "".join(_data(notebook, "text/html"))
    assert f"{comparison.gap_changes['change'].iloc[0]:.3f}" in tables


def test_the_release_check_has_gates_of_every_verdict(release: tuple[Any, Path]) -> None:
    notebook, runs = release
    cases = list(ElementTree.parse(runs / "gates.xml").iter("testcase"))
    assert len(cases) == 4
    assert "exit code 1 (" in _printed(notebook)
    assert {part.tag for case in cases for part in case} >= {"failure", "error"}
    assert any(case.find("failure") is None and case.find("error") is None for case in cases)


def test_the_release_check_hands_the_same_rates_to_fairlearn(release: tuple[Any, Path]) -> None:
    notebook, runs = release
    rates = AuditResult.read(runs / "new").rates.query("outcome == 'misclassified' and gender == 'woman'")
    row = f"<td>{rates['rate'].iloc[0]:.4f}</td>"
    assert any(table.count(row) == 2 for table in _data(notebook, "text/html"))
