from __future__ import annotations

import io

import pytest
from rich.console import Console

from audit.commands.console.training_summary import GAPS_SHOWN, print_training_summary
from audit.training.history import TrainingHistory
from tests.audit.support.invented_audit import invented_result
from tests.audit.support.invented_training_run import write_run


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> TrainingHistory:
    return TrainingHistory.read(write_run(tmp_path_factory.mktemp("runs") / "one", invented_result()))


def shown(history: TrainingHistory) -> str:
    text = io.StringIO()
    print_training_summary(history, Console(file=text, width=160, highlight=False))
    return text.getvalue().replace("\N{NO-BREAK SPACE}", " ").replace("\N{MINUS SIGN}", "-")


def test_the_last_step_and_the_last_audit_are_told(history: TrainingHistory) -> None:
    said, last = shown(history), history.log.iloc[-1]
    assert f"loss {last['loss']:.3f}" in said and f"{int(last['step']):,} of " in said
    accuracy = history.accuracy[history.accuracy["step"] == history.accuracy["step"].max()]
    assert all(f"{100 * rate:.1f} %" in said for rate in accuracy["rate"])
    assert "one run is one seed" in said


def test_the_widest_gaps_come_first_and_are_few(history: TrainingHistory) -> None:
    said = shown(history)
    table = said[said.index("Widest differences") :].splitlines()
    own = history.gaps[history.gaps["step"] == history.gaps["step"].max()]
    widest = own.loc[own["difference"].abs().idxmax()]
    assert f"{100 * widest['difference']:+.1f}" in table[2]
    rows = [line for line in table[2:] if line.rstrip().endswith(("yes", "no"))]
    assert len(rows) == min(GAPS_SHOWN, own["difference"].notna().sum())
