"""After the computing, a report that fails costs no table."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit.result import AuditResult
from tests.audit.commands.conftest import Invoke


def test_tables_are_there_if_the_report_fails(
    workplace: Path,
    small_model: Path,
    invoke: Invoke,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object, **__: object) -> str:
        raise RuntimeError("no figure today")

    monkeypatch.setattr("audit.report.fill_template", fail)
    with pytest.raises(RuntimeError, match="no figure today"):
        invoke("run", "small.yaml", "--model", small_model, "--out", "out")
    assert len(AuditResult.read(workplace / "out").rates)
    assert not (workplace / "out" / "report.html").exists()
    assert (workplace / "out" / "rates.csv").is_file()
