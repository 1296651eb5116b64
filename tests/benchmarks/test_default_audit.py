from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from benchmarks.default_audit import _MARKS, PHASES, around, mark, row, seconds_of


@pytest.fixture
def marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(_MARKS, str(tmp_path / "marks"))
    return tmp_path / "marks"


def test_phases_add_up_to_the_whole(marks: Path) -> None:
    begun = time.time()

    def slow() -> str:
        time.sleep(0.02)
        return "made"

    assert around(slow, before="start", phase="tables")() == "made"
    mark("end")
    listed = [json.loads(line) for line in marks.read_text().splitlines()]
    assert {pid for _, pid, *_ in listed} == {os.getpid()}
    phases = seconds_of(listed, begun=begun)
    assert list(phases) == ["start", "tables", "end"]
    assert phases["tables"][0] >= 0.02
    assert sum(wall for wall, _ in phases.values()) == pytest.approx(listed[-1][2] - begun)


def test_a_phase_that_raises_has_ended(marks: Path) -> None:
    def fail() -> None:
        raise ValueError

    with pytest.raises(ValueError):
        around(fail, before="start", phase="ask")()
    assert [json.loads(line)[0] for line in marks.read_text().splitlines()] == ["start", "ask"]


def test_seconds_of_two_processes_are_counted_once() -> None:
    # Process 1 asks from 10 to 14. Process 2 has used 2 seconds when it gets the records at 14.5, and makes
    # the tables with a third, which uses 3, until 20. Process 1 has then waited for 2 + 4 + 3.
    marks = [
        ["start", 1, 11.0, 0.9, 0.0, 0],
        ["ask", 1, 14.0, 3.5, 0.0, 0],
        ["load", 2, 14.5, 2.0, 0.0, 0],
        ["tables", 2, 20.0, 6.0, 3.0, 0],
        ["end", 2, 20.5, 6.4, 3.0, 0],
        ["end", 1, 20.75, 3.75, 9.4, 0],
    ]
    phases = seconds_of(marks, begun=10.0)
    expected = {
        "start": (1.0, 0.9), "ask": (3.0, 2.6), "load": (0.5, 2.0), "tables": (5.5, 7.0), "end": (0.75, 0.65),
    }  # fmt: skip
    assert phases.keys() == expected.keys()
    for name, seconds in expected.items():
        assert phases[name] == pytest.approx(seconds)


def test_a_row_has_cpu_before_wall_seconds_and_their_sums() -> None:
    found = {"phases": {"start": (1.0, 0.5), "tables": (4.0, 2.0)}, "peak": 600.4}
    cells = row("cold", found).strip("| ").split(" | ")
    zero = "0.0 / 0.0"
    assert cells == ["cold", "0.5 / 1.0", zero, zero, "2.0 / 4.0", zero, zero, zero, "2.5 / 5.0", "600"]
    assert len(cells) == len(PHASES) + 3
