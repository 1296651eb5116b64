"""The invented wide audit has what the benchmark says, and its lines are judged by their limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit.report import render_report
from benchmarks import report_size
from benchmarks.report_size import wide_result


def test_a_wide_audit_has_that_many_of_everything_and_a_report() -> None:
    result = wide_result(groups=3, probes=2, designs=4, thresholds=11)
    # 3 groups and all images, 2 probes, 4 designs: argmax and the two thresholds of the invented suite.
    assert len(result.rates) == 4 * 2 * 4 * 3
    assert len(result.curves) == 4 * 2 * 4 * 11
    assert len(result.gaps) == 3 * 2 * 4 * 3
    assert len(result.findings) == 3 * 2 and result.findings["id"].is_unique
    assert result.rates["rate"].between(0, 1).all()
    html = render_report(result)
    assert "Question 2" in html and "group 3" in html


@pytest.mark.parametrize(("size", "cpu", "opened", "kept"), [
    (10, 1.0, None, True), (10, 1.0, (5.0, 0.9), True), (10, 1.0, (0.5, 1.1), False), (10, 21.0, None, False),
    (2_000_000, 1.0, None, False),
])  # fmt: skip
def test_a_page_is_judged_by_its_bytes_and_seconds_of_cpu(
    size: int, cpu: float, opened: tuple[float, float] | None, kept: bool, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    limits = report_size.Limits(size=1_000_000, write=20.0, open=1.0)
    monkeypatch.setitem(report_size.LIMITS, "page", limits)
    monkeypatch.setattr(report_size, "opening_seconds", lambda page: opened)
    path = tmp_path / "page.html"
    path.write_bytes(b"x" * size)
    assert report_size._line("page", path, (100.0, cpu)) is kept
    assert ("| NO |" in capsys.readouterr().out) is not kept
