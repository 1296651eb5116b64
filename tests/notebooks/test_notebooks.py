"""Notebooks run from top to bottom on a small audit, and are committed without outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.audit.report_fixture import invented_result

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


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The first notebook, run on the invented audit."""
    nbclient = pytest.importorskip("nbclient", reason="the notebook extra is not installed")
    run = invented_result().write(tmp_path_factory.mktemp("run"))
    notebook = nbformat.read(NOTEBOOKS[0], as_version=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLIP_AUDIT_RUN", str(run))
        client = nbclient.NotebookClient(
            notebook, timeout=TIMEOUT_SECONDS, resources={"metadata": {"path": str(NOTEBOOKS[0].parent)}}
        )
        client.execute()
    return notebook


def _data(notebook: Any, mime: str) -> list[str]:
    return [
        output.data[mime]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if mime in output.get("data", {})
    ]


def test_the_first_notebook_shows_tables_and_figures(executed: Any) -> None:
    assert len(_data(executed, "image/svg+xml")) == 4
    assert len(_data(executed, "image/png")) == 1
    assert len(_data(executed, "text/html")) >= 5


def test_its_tables_are_those_of_the_audit(executed: Any) -> None:
    tables = "".join(_data(executed, "text/html"))
    dark = invented_result().rates.query(
        "probe == 'denigration' and design == 'default' and rule == 'argmax' and outcome == 'harm'"
        " and skin_tone == 'dark' and gender == '(all)'"
    )
    assert f"{dark['rate'].iloc[0]:.3f}" in tables
    assert "Which of three occupations does the picture show?" in tables
