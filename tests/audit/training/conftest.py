from __future__ import annotations

from pathlib import Path

import pytest

from audit.result import AuditResult
from audit.training.history import TrainingHistory
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
