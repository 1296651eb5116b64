"""The page of a comparison in a browser, at two widths and in both schemes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from audit.comparison.compare import compare
from audit.comparison.files import render_comparison
from tests.audit.support.compared_audits import drawn
from tests.browser.pages import open_everything, open_page, violations

pytestmark = pytest.mark.browser
VIEWS = [(360, "light"), (1280, "dark")]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    first, second = drawn(600, seed=1, worse=0.2)
    path = tmp_path_factory.mktemp("comparison") / "compare.html"
    page = render_comparison(compare(first, second, margin=0.05), manifest=first.manifest)
    path.write_text(page, encoding="utf-8")
    return path


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_it_opens_quietly_and_nothing_sticks_out(browser: Any, report: Path, width: int, scheme: str) -> None:
    page, trouble = open_page(browser, report, width=width, scheme=scheme)
    open_everything(page)
    assert trouble == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_axe_finds_no_serious_violation(browser: Any, report: Path) -> None:
    page, _ = open_page(browser, report, width=390, scheme="dark")
    page.evaluate("document.querySelectorAll('#gaps details').forEach((box) => { box.open = true; })")
    assert violations(page) == []
    page.close()
