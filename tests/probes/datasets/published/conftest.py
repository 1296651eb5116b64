from __future__ import annotations

from pathlib import Path

import pytest

from tests.probes.datasets.support.visogender_lists import ALONE, OO, OP, TWO, write_list


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    write_list(tmp_path, "OO/OO_Visogender_10052025.tsv", OO, ALONE)
    return write_list(tmp_path, "OP/OP_Visogender_11012024.tsv", [*OP, "Participant_Gender"], TWO)
