"""`clip-audit mitigate` on a small file of embeddings: tables, page and files of methods."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from audit.cli import app
from audit.mitigation.mitigation_tables import COST_COLUMNS, MITIGATION_COLUMNS
from audit.mitigation.ranking_changes import RANKING_COLUMNS
from audit.result import AuditResult
from probes.mitigation.transform import Mitigation

SUITE = """
suite: two
templates: people
label_sets:
  jobs:
    sets:
      identity:
        - {name: doctor, is: {job: doctor}}
        - {name: nurse, is: {job: nurse}}
probes:
  - name: job
    truth: job
    label_set: jobs
    templates: [single_word]
    groups: [[gender]]
    outcomes: [misclassified]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """200 images of 100 persons; nurse is read from axis 0, which gender moves as well."""
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(100), 2)
    gender, job = np.where(person % 2, "Female", "Male"), np.where(person % 4 < 2, "doctor", "nurse")
    image = 0.3 * rng.standard_normal((200, 8))
    image[:, 0] += np.where(job == "nurse", 0.6, -0.6) + np.where(gender == "Female", 0.7, 0.0)
    image[:, 1] += np.where(gender == "Female", 0.7, -0.7)
    text = np.array([[-1, 0, 0, 0, 0, 0, 0, 1], [1, 0, 0, 0, 0, 0, 0, 1], [0.4, 1, 0, 0, 0, 0, 0, 0],
                     [-0.4, -1, 0, 0, 0, 0, 0, 0]], float)  # fmt: skip
    np.savez(
        tmp_path / "e.npz", image=image / np.linalg.norm(image, axis=1, keepdims=True), gender=gender,
        job=job, person=person.astype(str), text=text / np.linalg.norm(text, axis=1, keepdims=True),
        text_name=np.array(["doctor", "nurse", "woman", "man"]),
    )  # fmt: skip
    (tmp_path / "suite.yaml").write_text(SUITE, encoding="utf-8")
    return tmp_path


def run(folder: Path, *words: str) -> tuple[int, str]:
    command = ["mitigate", str(folder / "suite.yaml"), "--data", f"embeddings:{folder / 'e.npz'}", *words]
    done = CliRunner().invoke(app, [*command, "--out", str(folder / "out")])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def test_tables_page_and_files(folder: Path) -> None:
    code, output = run(
        folder, "--attribute", "gender", "--method", "leace", "--method", "orthogonal",
        "--method", "calibrated", "--words", "Male=man,Female=woman",
    )  # fmt: skip
    assert code == 0, output
    gaps = pd.read_parquet(folder / "out" / "mitigation.parquet")
    cost = pd.read_parquet(folder / "out" / "cost.parquet").set_index("method")
    assert tuple(gaps.columns) == MITIGATION_COLUMNS
    assert (*cost.reset_index().columns,) == COST_COLUMNS
    assert list(cost.index) == ["none", "random", "leace", "orthogonal", "calibrated"]
    # Nothing changes nothing: every change is exactly zero, and no effect is claimed.
    none = gaps[gaps["method"] == "none"]
    assert (none["change"] == 0).all()
    assert (none["effect"] == "not shown").all()
    assert (cost.loc["none", ["leakage_change", "utility_change"]] == 0).all()
    # The attribute can be read before and hardly after; the gap that it made is gone.
    assert cost.loc["leace", "leakage_before"] > 0.9
    assert cost.loc["leace", "leakage_after"] < 0.65
    assert cost.loc["leace", "widest_gap_after"] < cost.loc["leace", "widest_gap_before"]
    # The file has no reworded texts: said, not failed.
    assert "reworded" in cost.loc["calibrated", "note"]
    assert Mitigation.load(folder / "out" / "leace.safetensors").method == "leace"
    command = ["run", str(folder / "suite.yaml"), "--data", f"embeddings:{folder / 'e.npz'}", "--with"]
    audited = CliRunner().invoke(
        app, [*command, str(folder / "out" / "leace.safetensors"), "--out", str(folder / "audit")]
    )
    assert audited.exit_code == 0, audited.output
    assert AuditResult.read(folder / "audit").manifest["model"]["name"] == "e with leace"
    page = (folder / "out" / "report.html").read_text(encoding="utf-8")
    assert "on these data" in page
    assert "debiased" not in page


def test_methods_that_change_answers_are_measured_like_the_others(folder: Path) -> None:
    methods = ("linear_probe", "class_thresholds", "group_thresholds_odds", "reductions_error")
    words = ("--attribute", "gender", *(word for name in methods for word in ("--method", name)))
    code, output = run(folder, *words)
    assert code == 0, output
    cost = pd.read_parquet(folder / "out" / "cost.parquet").set_index("method")
    assert (cost["n"] == 100).all()
    assert cost.loc["linear_probe", "widest_gap_after"] < cost.loc["linear_probe", "widest_gap_before"]
    assert "unlawful" in str(cost.loc["group_thresholds_odds", "note"])
    assert cost.loc[list(methods), "leakage_after"].isna().all()
    assert "unlawful" in (folder / "out" / "report.html").read_text(encoding="utf-8")
    # The folder of an earlier mitigation is replaced, with what it kept of methods that are not asked now.
    assert run(folder, "--attribute", "gender", "--method", "leace")[0] == 0
    assert list(pd.read_csv(folder / "out" / "cost.csv")["method"]) == ["none", "random", "leace"]


def test_a_fitted_method_is_measured_on_other_data_as_well(folder: Path) -> None:
    same = f"embeddings:{folder / 'e.npz'}"
    code, output = run(folder, "--attribute", "gender", "--method", "leace", "--also", same)
    assert code == 0, output
    table = pd.read_parquet(folder / "out" / "transfer.parquet")
    assert list(table.columns) == ["data", *MITIGATION_COLUMNS]
    # All 200 images are asked there, of which one half is the one measured here.
    assert (table["n_group"] + table["n_reference"] == 200).all()
    assert (table.loc[table["method"] == "none", "change"] == 0).all()
    leace = table[table["method"] == "leace"].iloc[0]
    assert abs(leace["after"]) < abs(leace["before"])
    assert "Other data" in (folder / "out" / "report.html").read_text(encoding="utf-8")
    wide = dict(np.load(folder / "e.npz"))
    np.savez(folder / "wide.npz", **wide | {key: np.hstack([wide[key]] * 2) for key in ("image", "text")})
    code, output = run(folder, "--also", f"embeddings:{folder / 'wide.npz'}")
    assert code == 2 and "16 dimensions" in output


RANKING = """
suite: ranked
templates: people
probes:
  - name: search
    kind: ranking
    words: {job: [doctor, nurse]}
    templates: [single_word]
    groups: [[gender]]
    k: [20]
"""


def test_a_suite_that_ranks_is_re_ranked_and_embeddings_are_ranked_anew(folder: Path) -> None:
    (folder / "suite.yaml").write_text(RANKING, encoding="utf-8")
    methods = ("leace", "det_greedy", "linear_probe")
    code, output = run(folder, "--attribute", "gender", *(w for name in methods for w in ("--method", name)))
    assert code == 0, output
    table = pd.read_parquet(folder / "out" / "ranking.parquet")
    assert tuple(table.columns) == RANKING_COLUMNS
    tested = table[table["p"].notna()].set_index(["method", "measure"])
    assert (tested.loc["none", "change"] == 0).all()
    greedy = tested.loc["det_greedy"]
    # Nurses are found among women: by the scores MaxSkew at 20 is far from 0; then 10 of 20, or nearly.
    assert greedy.loc["MaxSkew", "before"] > 0.2 and greedy.loc["MaxSkew", "after"] < 0.06
    assert greedy.loc["MaxSkew", "effect"] == "narrower"
    cost = pd.read_parquet(folder / "out" / "cost.parquet").set_index("method")
    assert "unlawful" in cost.loc["det_greedy", "note"] and cost.loc["leace", "leakage_after"] < 0.65
    assert cost.loc["linear_probe", "n"] == 0  # nothing to classify
    page = (folder / "out" / "report.html").read_text(encoding="utf-8")
    assert "What each method does to rankings" in page and 'id="every"' not in page


def test_captions_are_found_before_and_after(folder: Path) -> None:
    code, output = run(folder, "--attribute", "gender", "--method", "leace", "--captions", "job")
    assert code == 0, output
    cost = pd.read_parquet(folder / "out" / "cost.parquet").set_index("method")
    arrays = np.load(folder / "e.npz")
    # As many captions as jobs: an image finds its caption first if that is the more similar one.
    sides = ["image_to_text_before", "image_to_text_after", "image_to_text_change"]
    assert cost.loc["none", sides].tolist() == pytest.approx([cost.loc["none", "utility_before"]] * 2 + [0])
    assert cost.loc["leace", "image_to_text_after"] == pytest.approx(cost.loc["leace", "utility_after"])
    assert cost.loc["none", "text_to_image_low"] == 0 and len(arrays["image"]) == 200
    assert "Caption found first" in (folder / "out" / "report.html").read_text(encoding="utf-8")
    code, output = run(folder, "--captions", "caption")
    assert code == 2 and "no column 'caption'" in output


def test_retrained_models_are_judged_over_training_runs_and_one_not_at_all(folder: Path) -> None:
    # "Retrained": as e.npz, with the direction of gender taken out of what nurse is read from; runs differ
    # by noise.
    rng, arrays = np.random.default_rng(3), dict(np.load(folder / "e.npz"))
    for name, shift in (("again", 0.0), ("again2", 0.0), ("cap", 0.7), ("cap2", 0.7)):
        image = arrays["image"] + 0.02 * rng.standard_normal(arrays["image"].shape)
        image[:, 0] -= shift * np.where(arrays["gender"] == "Female", 0.7, 0.0)
        image /= np.linalg.norm(image, axis=1, keepdims=True)
        np.savez(folder / f"{name}.npz", **arrays | {"image": image})
    one = ("--attribute", "gender", "--method", "none", "--retrained", f"cap=embeddings:{folder / 'cap.npz'}")
    assert run(folder, *one)[0] == 0
    page = (folder / "out" / "report.html").read_text(encoding="utf-8")
    table = pd.read_parquet(folder / "out" / "mitigation.parquet").set_index("method")
    assert set(table.loc[["cap"], "effect"]) == {"not judged: one training run"}
    assert table.loc[["cap"], ["low", "p_adjusted"]].isna().all(axis=None)
    assert "its change is not judged: another seed may change as much" in page
    further = [f"--further-run=embeddings:{folder / name}.npz" for name in ("again", "again2")]
    code, output = run(folder, *one, "--retrained", f"cap=embeddings:{folder / 'cap2.npz'}", *further)
    assert code == 0, output
    table = pd.read_parquet(folder / "out" / "mitigation.parquet").set_index("method")
    assert set(table.loc[["cap"], "effect"]) == {"narrower"}
    assert table.loc[["cap"], "note"].unique().tolist() == ["2 training runs against 3"]
    cost = pd.read_parquet(folder / "out" / "cost.parquet").set_index("method")
    assert cost.loc["cap", "utility_change"] == pytest.approx(
        cost.loc["cap", "utility_after"] - cost.loc["cap", "utility_before"]
    )
    assert cost.loc["cap", ["utility_low", "leakage_low", "nonlinear_high"]].notna().all()
    for words, message in ((("--retrained", "cap"), "names no model"),
                           (("--retrained", "leace=tiny"), "name of a method")):  # fmt: skip
        code, output = run(folder, *words)
        assert code == 2 and message in output


def test_mistakes_end_before_anything_is_computed(folder: Path) -> None:
    for words, message in (
        (("--method", "leece"), "unknown method 'leece'"),
        (("--attribute", "age"), "no attribute 'age'"),
        (("--words", "Male"), "gives no words"),
    ):
        code, output = run(folder, *words)
        assert code == 2
        assert message in output
    assert not (folder / "out").exists()
