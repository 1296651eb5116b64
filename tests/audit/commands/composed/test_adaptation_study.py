"""Adaptation on hand-made sets, and of a suite on a small file of embeddings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from audit.cli import app
from audit.commands.composed import adaptation_study
from audit.commands.composed.adaptation_study import SUITE_COLUMNS, adapt
from audit.commands.composed.evaluation_runs import ModelRun, Options
from clipmodel.errors import UserError
from clipmodel.evaluation.readers.evaluation_set import EvaluationSet, FunctionImages
from probes.datasets import load_dataset
from probes.embeddings.models import model_for
from probes.embeddings.store import EmbeddingStore
from tests.audit.commands.composed.test_evaluation_runs import made, run
from tests.audit.commands.test_mitigate import folder as folder_of_embeddings

folder = folder_of_embeddings


def opens(monkeypatch: pytest.MonkeyPatch, sets: dict[str, EvaluationSet]) -> None:
    monkeypatch.setattr(adaptation_study, "open_evaluation_set", lambda name, *args, **options: sets[name])


def test_a_classifier_is_fitted_once_and_asked_of_every_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    n = 24
    images = FunctionImages([f"{row}" for row in range(n)], bytes)
    truth = np.array([0, 1] * (n // 2))
    own = made(images=images, truth=truth, metadata=pd.DataFrame({"tone": ["light", "dark"] * (n // 2)}))
    opens(monkeypatch, {"train": own, "first": own, "second": own})
    # What is shown lies on other axes than the words do: zero-shot is wrong and the fit is right.
    wrong = run(shown=tuple(1 - int(label) for label in truth))
    wrong.model.name = "tiny"  # type: ignore[misc]

    def adapted(fit: str | None, on: list[str]) -> adaptation_study.Adaptation:
        return adapt(wrong, fit, on, Options(), cache=tmp_path, suite=None, data=None)

    found = adapted("train", ["first", "second"])
    assert found.accuracy["zero_shot"].tolist() == [0, 0] and found.accuracy["adapted"].tolist() == [1, 1]
    assert found.accuracy["n"].tolist() == [23, 23]  # the image at row 2 is broken
    columns = ["group", "reference", "n_group", "n_reference", "gap_zero_shot", "gap_adapted", "change"]
    assert found.gaps[columns].to_numpy().tolist() == [["light", "dark", 11, 12, 0, 0, 0]] * 2
    found.write(tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "On own the classifier fitted on train is right for 100.0" in page and "Fitted on" in page
    with pytest.raises(UserError, match="other classes than train"):
        opens(monkeypatch, {"train": own, "first": made(classes=(("cat",), ("owl",)))})
        adapted("train", ["first"])
    with pytest.raises(UserError, match="no labels to fit"):
        opens(monkeypatch, {"train": made(truth=None)})
        adapted("train", ["first"])
    with pytest.raises(UserError, match="nothing to fit and ask"):
        adapted("train", [])


def test_every_disparity_of_a_suite_is_compared_on_the_half_that_fitted_nothing(folder: Path) -> None:
    """Nurse is read from axis 0, which gender moves: the fitted classifier can set that off with axis 1."""
    spec = f"embeddings:{folder / 'e.npz'}"
    model = model_for(load_dataset(spec), None, device="cpu", told={})
    asked = ModelRun(model, "e", EmbeddingStore(folder / "cache"))
    found = adapt(
        asked, None, [], Options(), cache=folder, suite=str(folder / "suite.yaml"), data=spec
    )  # fmt: skip
    assert tuple(found.suite.columns) == SUITE_COLUMNS and not len(found.accuracy)
    row = found.suite.iloc[0]
    assert (row["probe"], row["by"], row["fitted_on"]) == ("job", "gender", "half of the suite's images")
    assert row["n_group"] + row["n_reference"] == 100
    assert abs(row["after"]) < abs(row["before"]) and row["low"] <= row["change"] <= row["high"]
    found.write(folder)
    assert "100 images; 100 others may be fitted on" in (folder / "report.html").read_text(encoding="utf-8")


def test_the_command_says_what_is_missing() -> None:
    done = CliRunner().invoke(app, ["evaluate", "adapt", "tiny", "--fit", "digits", "--out", "runs/none"])
    assert done.exit_code == 2 and "nothing to fit and ask" in done.output
