from __future__ import annotations

import re
from pathlib import Path

from audit.training.history import (
    TrainingHistory,
)


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
