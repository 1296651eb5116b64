from __future__ import annotations

import time

import pytest

from benchmarks.default_audit import PHASES, Stopwatch, row


def test_phases_add_up_to_the_whole() -> None:
    watch = Stopwatch(begun=time.time())
    slow = watch.around(lambda seconds: time.sleep(seconds) or "made", before="start", phase="tables")
    assert slow(0.02) == "made"
    watch.mark("end")
    assert list(watch.phases) == ["start", "tables", "end"]
    assert watch.phases["tables"][0] >= 0.02
    whole = sum(wall for wall, _ in watch.phases.values())
    assert whole == pytest.approx(time.time() - watch.begun, abs=0.05)


def test_a_phase_that_raises_has_ended() -> None:
    watch = Stopwatch(begun=time.time())

    def fail() -> None:
        raise ValueError

    with pytest.raises(ValueError):
        watch.around(fail, before="start", phase="ask")()
    assert list(watch.phases) == ["start", "ask"]


def test_a_row_has_cpu_before_wall_seconds_and_their_sums() -> None:
    found = {"phases": {"start": (1.0, 0.5), "tables": (4.0, 2.0)}, "peak": 600.4}
    cells = row("cold", found).strip("| ").split(" | ")
    assert cells == ["cold", "0.5 / 1.0", "0.0 / 0.0", "2.0 / 4.0", *["0.0 / 0.0"] * 3, "2.5 / 5.0", "600"]
    assert len(cells) == len(PHASES) + 3
