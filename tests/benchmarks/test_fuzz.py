"""A few cases of every kind of fuzzing on every run of the tests; `python -m benchmarks.fuzz` does many."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.fuzz import KINDS, damaged, fuzz


@pytest.mark.parametrize(
    ("kind", "cases"), [("images", 400), ("suites", 15), ("tables", 40), ("archives", 60)]
)
def test_nothing_but_the_tools_own_error_comes_out(kind: str, cases: int) -> None:
    outcomes = fuzz(kind, cases=cases)
    assert {what for what in outcomes if what.startswith("uncaught")} == set()
    assert sum(outcomes.values()) == cases


def test_a_case_can_be_made_again() -> None:
    one, other = (damaged(b"some bytes " * 9, np.random.default_rng((3, 41))) for _ in range(2))
    assert one == other != b"some bytes " * 9


def test_an_uncaught_error_is_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(rng: np.random.Generator, folder: object) -> None:
        raise ZeroDivisionError("odd")

    monkeypatch.setitem(KINDS, "images", lambda: failing)
    outcomes = fuzz("images", cases=2)
    assert [(what.split(" at ")[0], n) for what, n in outcomes.items()] == [("uncaught ZeroDivisionError", 2)]
    assert "images, case 0" in capsys.readouterr().err
