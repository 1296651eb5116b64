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
        tight = invoke(*words, "--suite", "small.yaml", "--tolerance", "0.001")
        assert tight.exit_code == 2
        assert "--precision bf16 changes what the suite small.yaml concludes from 300 images" in tight.stderr
        assert "use --precision fp32, or allow it with --tolerance 0.002" in tight.stderr.replace("\n", " ")
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
    assert (refused.exit_code, "--decode scaled: the change of which" in refused.stderr) == (2, True)
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


def test_a_refusal_names_the_rate_that_changed_most_and_no_tolerance_for_findings() -> None:
    """Of 40 and 20 images, one more of the 20: 5 points."""

    def result(counts: list[int], findings: list[str]) -> Any:
        n = np.array([1, 40, 20])
        groups = ["too few for a rate", "(all)", "woman"]
        rates = pd.DataFrame({"probe": "words", "outcome": "harm", "gender": groups, "n": n})
        return SimpleNamespace(
            rates=rates.assign(rate=[np.nan, *counts / n[1:]]), gaps=pd.DataFrame({"difference": [0.1]}),
            findings=pd.DataFrame({"probe": "p", "group": findings}),
        )  # fmt: skip

    reduced = Reduced(model="tiny", precision="int8", scaled=True)
    found = compare_results(result([4, 3], ["x"]), result([5, 4], ["x"]), n_images=40)
    told = precision._refusal(found, reduced, suite="s.yaml", tolerance=0.01)
    assert told.message == (
        "--precision int8 --decode scaled changes what the suite s.yaml concludes from 40 images: a rate "
        "by up to 5.00 points (allowed 1.00; harm among woman in the probe words, n 20), and 0 findings came "
        "or went (the exact model has 1)"
    )
    assert told.remedy == "use --precision fp32 and --decode whole, or allow it with --tolerance 0.05"
    said = (
        "more than 5.00 points (harm among woman in the probe words, n 20), no difference between groups by"
    )
    assert said in found.sentence(reduced.name)
    found = compare_results(result([4, 3], ["x"]), result([4, 3], []), n_images=40)
    told = precision._refusal(found, reduced, suite="s.yaml", tolerance=0.01)
    assert told.message.endswith("(allowed 1.00), and 1 finding came or went (the exact model has 1)")
    assert told.remedy.endswith("--decode whole; no tolerance lets findings change")


def test_a_finding_that_is_numbered_otherwise_is_the_same_and_one_of_another_sign_is_not() -> None:
    """Of x, y, z the other audit lacks x, so y is its first; z turned: x, z as it was and z as it is."""

    def result(groups: list[str], differences: list[float]) -> Any:
        numbers = [f"F{i}" for i in range(1, len(groups) + 1)]
        found = pd.DataFrame({"id": numbers, "probe": "p", "group": groups, "difference": differences})
        same = pd.DataFrame({"rate": [0.1], "difference": [0.1]})
        return SimpleNamespace(rates=same, gaps=same, findings=found)

    before = result(["x", "y", "z"], [0.3, 0.2, 0.1])
    moved = compare_results(before, result(["y", "z"], [0.21, -0.1]), n_images=9)
    assert (moved.findings, moved.n_findings) == (3, 3)
    assert compare_results(before, result(["y", "x", "z"], [0.2, 0.2, 0.1]), n_images=9).findings == 0
