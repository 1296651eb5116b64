"""The page of a comparison in a browser, at two widths and in both schemes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from audit.comparison.compare import compare
from audit.comparison.files import render_comparison
from tests.audit.comparison.test_compare import drawn
from tests.browser.test_report import SERIOUS, VIEWS, _open, browser, opened_quietly

pytestmark = pytest.mark.browser
__all__ = ["browser"]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    first, second = drawn(600, seed=1, worse=0.2)
    path = tmp_path_factory.mktemp("comparison") / "compare.html"
    page = render_comparison(compare(first, second, margin=0.05), probes=first.manifest["probes"])
    path.write_text(page, encoding="utf-8")
    return path


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_it_opens_quietly_and_nothing_sticks_out(browser: Any, report: Path, width: int, scheme: str) -> None:
    opened_quietly(browser, report, width=width, scheme=scheme).close()


def test_axe_finds_no_serious_violation(browser: Any, report: Path) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    page, _ = _open(browser, report, width=390, scheme="dark")
    page.evaluate("document.querySelectorAll('#gaps details').forEach((box) => { box.open = true; })")
    violations = axe.Axe().run(page).response["violations"]
    assert [(v["id"], v["nodes"][0]["html"]) for v in violations if v["impact"] in SERIOUS] == []
    page.close()
