"""The report of a training run in a browser, at two widths and in both schemes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from audit.training.history import TrainingHistory
from audit.training.training_report import render_training_report
from tests.audit.support.invented_audit import invented_result
from tests.audit.support.invented_training_run import write_run
from tests.browser.pages import open_everything, open_page, violations

pytestmark = pytest.mark.browser
VIEWS = [(360, "light"), (1280, "dark")]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = write_run(tmp_path_factory.mktemp("runs") / "one", invented_result())
    path = run / "report.html"
    path.write_text(render_training_report(TrainingHistory.read(run)), encoding="utf-8")
    return path


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_it_opens_quietly_and_nothing_sticks_out(browser: Any, report: Path, width: int, scheme: str) -> None:
    page, trouble = open_page(browser, report, width=width, scheme=scheme)
    open_everything(page)
    assert trouble == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # No lettering of a drawing is cut off at its edge.
    cut = page.evaluate(
        """[...document.querySelectorAll('svg.figure')].flatMap((svg) => {
            const box = svg.getBoundingClientRect();
            return [...svg.querySelectorAll('text')].map((text) => text.getBoundingClientRect())
                .filter((r) => r.left < box.left - 1 || r.right > box.right + 1).length;
        }).reduce((a, b) => a + b, 0)"""
    )
    assert cut == 0
    page.close()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (390, "light")])
def test_axe_finds_no_serious_violation(browser: Any, report: Path, width: int, scheme: str) -> None:
    page, _ = open_page(browser, report, width=width, scheme=scheme)
    page.evaluate(
        "document.querySelectorAll('#validation-t, #method details').forEach((b) => { b.open = true; })"
    )
    assert violations(page) == []
    page.close()
