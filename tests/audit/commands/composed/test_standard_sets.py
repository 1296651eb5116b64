"""`run --standard`: accuracy of the audited weights on evaluation sets, from results or evaluated now."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from audit import AuditResult
from tests.audit.commands.conftest import Invoke


@pytest.fixture
def evaluated(invoke: Invoke, workplace: Path, small_model: Path) -> Path:
    """The results of the small model on digits."""
    done = invoke("evaluate", small_model, "--on", "digits", "--out", "standard")
    assert done.exit_code == 0, done.output
    return workplace / "standard"


def test_results_of_the_same_weights_stand_beside_the_disparities(
    invoke: Invoke, evaluated: Path, small_model: Path
) -> None:
    done = invoke("run", "small.yaml", "--model", small_model, "--out", "out", "--standard", evaluated)
    assert done.exit_code == 0, done.output
    audit = AuditResult.read("out")
    result = json.loads(next(evaluated.glob("*.json")).read_text(encoding="utf-8"))
    row = audit.standard.iloc[0]
    assert (row["evaluation_set"], row["metric"], row["value"]) == (
        "digits",
        "acc1",
        result["metrics"]["acc1"],
    )
    words = f"{100 * row['value']:.1f}\N{NO-BREAK SPACE}% (top-1 accuracy"
    assert words in done.stdout.replace("\n", " ")
    page = Path("out/report.html").read_text(encoding="utf-8")
    assert page.index("Standard accuracy of the same weights") < page.index('id="accuracy"')
    assert Path("out/standard.csv").is_file()
    # The report is made again from the folder, with the table.
    assert invoke("report", "out").exit_code == 0
    assert AuditResult.read("out") == audit


def test_a_set_is_evaluated_now_and_without_the_option_nothing_is_written(
    invoke: Invoke, workplace: Path, small_model: Path
) -> None:
    done = invoke(
        "run", "small.yaml", "--model", small_model, "--out", "out", "--standard", "digits", "--json"
    )
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)["standard"]
    assert list(told) == ["digits, zeroshot_classification"]
    assert "--standard digits" in json.loads(Path("out/run.json").read_text(encoding="utf-8"))["command"]
    assert invoke("run", "small.yaml", "--model", small_model, "--out", "out").exit_code == 0
    assert not Path("out/standard.csv").exists()
    assert "standard" not in json.loads(Path("out/audit.json").read_text(encoding="utf-8"))
    assert not len(AuditResult.read("out").standard)


def test_results_of_other_weights_are_refused(
    invoke: Invoke, evaluated: Path, workplace: Path, small_model: Path
) -> None:
    path = next(evaluated.glob("*.json"))
    document = json.loads(path.read_text(encoding="utf-8")) | {"fingerprint": "other"}
    path.write_text(json.dumps(document), encoding="utf-8")
    done = invoke("run", "small.yaml", "--model", small_model, "--out", "out", "--standard", evaluated)
    assert done.exit_code == 2 and "none of the weights that are audited" in done.output
    assert not (workplace / "out").exists()
