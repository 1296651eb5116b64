from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import Result

from audit.commands.composed import precision
from audit.commands.composed.precision import Deviation, Reduced, compare_results
from audit.result import AuditResult
from probes.embeddings.folder import read_job

Invoke = Callable[..., Result]


PARTS = ["--part-images", 64]


def test_a_reduced_model_is_measured_and_says_what_it_changed(
    many: Path, small_model: Path, invoke: Invoke
) -> None:
    words = ("embed", "table:people.csv", "--model", small_model, *PARTS, "--precision", "bf16", "--out", "e")
    refused = invoke(*words)
    assert (refused.exit_code, "which conclusions" in refused.stderr) == (2, True)
    same = Deviation(rate=0.002, difference=0.004, findings=0, n_findings=3, n_images=300)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(precision, "measure", lambda *_, **__: same)
        assert invoke(*words, "--suite", "small.yaml", "--tolerance", "0.001").exit_code == 2
        done = invoke(*words, "--suite", "small.yaml")
    assert "computed in bf16" in done.output.replace("\n", " ")
    assert invoke("run", "small.yaml", "--data", "embeddings:e", "--out", "r").exit_code == 0
    own = AuditResult.read("r").manifest
    assert own["model"]["fingerprint"] == read_job(many / "e").model["fingerprint"]
    assert any("no rate changed by more than 0.20 points" in note for note in own["data"]["notes"])


def test_scaled_decoding_is_measured_recorded_and_other_bytes(
    many: Path, small_model: Path, invoke: Invoke
) -> None:
    """The images are small, so the embeddings are those of whole decoding; the job is another."""
    words = ("embed", "table:people.csv", "--model", small_model, *PARTS, "--decode", "scaled", "--out", "s")
    refused = invoke(*words)
    assert (refused.exit_code, "fp32 scaled: the change of which" in refused.stderr) == (2, True)
    done = invoke(*words, "--suite", "small.yaml")
    assert done.exit_code == 0
    assert re.search(r"large\s+enough;\s+0\s+of\s+\d+\s+images\s+compared", done.output)
    job = read_job(many / "s")
    assert (job.model["reduction"], job.model["fingerprint"] != job.model["exact_fingerprint"]) == (
        "fp32 scaled", True,
    )  # fmt: skip
    assert "against fp32 and files decoded whole, no rate changed by more than 0.00 points" in job.notes[0]


def test_the_deviation_is_that_of_two_audits(many: Path, small_model: Path) -> None:
    """The same model against itself changes nothing; another rate and one finding less are counted."""
    from probes.datasets import load_dataset

    reduced = Reduced(model=str(small_model), precision="bf16")
    found = precision.measure(load_dataset("table:people.csv"), reduced, suite="small.yaml")
    assert 0 <= found.rate <= 1
    assert found.n_images == 300

    def result(rates: list[float], findings: list[str]) -> Any:
        return SimpleNamespace(
            rates=pd.DataFrame({"rate": rates}), gaps=pd.DataFrame({"difference": rates}),
            findings=pd.DataFrame({"probe": "p", "group": findings}),
        )  # fmt: skip

    a, b = result([0.1, np.nan, 0.5], ["x", "y"]), result([0.1, np.nan, 0.47], ["x"])
    assert compare_results(a, a, n_images=3).rate == 0
    moved = compare_results(a, b, n_images=3)
    assert (round(moved.rate, 9), moved.findings, moved.n_findings) == (0.03, 1, 2)
