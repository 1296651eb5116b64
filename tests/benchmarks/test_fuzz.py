"""A few cases of every kind of fuzzing on every run of the tests; `python -m benchmarks.fuzz` does many."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.fuzz import KINDS, fuzz
from benchmarks.fuzz.damage import changed, damaged
from benchmarks.fuzz.fuzzed_audits import drawn_labels, drawn_suite


@pytest.mark.parametrize(
    ("kind", "cases"),
    [
        ("images", 300), ("suites", 15), ("cards", 30), ("recipes", 20), ("tables", 30), ("archives", 40),
        ("audits", 6), ("checkpoints", 40),
    ],
)  # fmt: skip
def test_nothing_but_the_tools_own_error_comes_out(kind: str, cases: int) -> None:
    outcome = fuzz(kind, cases=cases)
    assert dict(outcome.uncaught) == {}
    assert outcome.read + outcome.refused == outcome.cases == cases


def test_the_audits_that_are_drawn_meet_every_kind_of_probe() -> None:
    """A third or so of cases is refused, since no image is of a group that a probe compares."""
    suites = [drawn_suite(np.random.default_rng((0, case))) for case in range(60)]
    kinds = [probe.get("kind", "classification") for suite in suites for probe in suite["probes"]]
    assert set(kinds) == {
        "classification", "association", "association_bias", "conditionals", "counterfactual",
        "group_accuracy", "markedness", "ranking",
    }  # fmt: skip
    sizes = [len(drawn_labels(np.random.default_rng((1, case)), 12)) for case in range(3)]
    assert sizes == [12] * 3


def test_changes_leave_the_document_itself_alone_and_can_be_made_again() -> None:
    document = {"a": [1, {"b": "c"}], "d": 2.5}
    one, other = (repr(changed(document, np.random.default_rng(7))) for _ in range(2))
    assert one == other != repr(document)
    assert document == {"a": [1, {"b": "c"}], "d": 2.5}


def test_a_case_can_be_made_again() -> None:
    one, other = (damaged(b"some bytes " * 9, np.random.default_rng((3, 41))) for _ in range(2))
    assert one == other != b"some bytes " * 9


def test_an_uncaught_error_is_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(rng: np.random.Generator, folder: object) -> None:
        raise ZeroDivisionError("odd")

    monkeypatch.setitem(KINDS, "images", lambda: failing)
    outcome = fuzz("images", cases=2)
    assert [(what.split(" at ")[0], n) for what, n in outcome.uncaught.items()] == [("ZeroDivisionError", 2)]
    assert "images, case 0" in capsys.readouterr().out
