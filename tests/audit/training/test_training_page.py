from __future__ import annotations

import re
from pathlib import Path

import pytest

from audit.result import AuditResult
from audit.training.history import (
    TrainingHistory,
)
from audit.training.training_report import render_training_report
from tests.audit.support.invented_audit import invented_result
from tests.audit.support.invented_training_run import write_run


@pytest.fixture(scope="module")
def result() -> AuditResult:
    return invented_result()


@pytest.fixture(scope="module")
def run(result: AuditResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "one", result)


@pytest.fixture(scope="module")
def page(run: Path) -> str:
    return render_training_report(TrainingHistory.read(run))


def test_the_page_shows_curves_tables_and_cautions(page: str) -> None:
    for words in (
        "invented", "400 of 500", "One run is one seed", "Biased on purpose.",
        "occupation judge: 4 of 8 images", 'id="validation-t"', 'id="accuracy-t"', 'id="fig-loss-title"',
    ):  # fmt: skip
        assert words in page, words
    assert page.count("<svg") >= 6
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert "http://" not in page.replace("http://www.w3.org", "")
    # Of the accuracies of 44 images: 22 right is 50 %, Wilson 35.8 to 64.2.
    assert "35.8 to 64.2" in page


def test_every_gap_stands_in_a_table_with_its_interval(run: Path, page: str) -> None:
    history = TrainingHistory.read(run)
    told = history.gaps[history.gaps["difference"].notna()]
    assert len(told)
    assert page.count("<td>16.00</td>") >= len(told) // 2
