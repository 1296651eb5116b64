"""Any strings as names, values and classes: three doors give the same numbers or the same refusal."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from audit.cli import app
from audit.result import AuditResult
from clipmodel.errors import UserError
from probes.datasets import load_dataset
from probes.embeddings.precomputed import PrecomputedModel
from probes.runner import run_suite
from probes.suite.suite import load_suite

ODD = [
    "value", "rate", "n", "count", "p", "low", "note", "group", "reference", "outcome", "probe", "truth",
    "reason", "cluster", "image_id", "prediction", "(all)", "(missing)", "A ", "A", "a", "=1+1", "1", "1.0",
    "1.50", "True", "x" * 80, "a\u200bb", "caf\u00e9", "cafe\u0301", "\u4e2d\u6587", "a\x07b", "<b>", "a,b",
    'a"b', "a;b", "{a}", "[x]", "$x^2$", "%s", "null", "~", "- a", "#x", "'", "\\", "/", " ", "\u202ea", "😀",
    "nan", "None", "NA",
]  # fmt: skip
WORDS = st.one_of(
    st.sampled_from(ODD), st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, str, pd.DataFrame, list[str]]:
    """Names of a group attribute and a truth, a table of predictions, and the classes."""
    attribute, truth = draw(WORDS), draw(WORDS)
    groups = draw(st.lists(WORDS, min_size=1, max_size=3, unique=True))
    classes = draw(st.lists(WORDS, min_size=2, max_size=3, unique=True))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    rows = {
        "path": [f"{i}.jpg" for i in range(24)],
        attribute: rng.choice(np.array(groups, dtype=object), 24),
        truth: rng.choice(np.array(classes, dtype=object), 24),
        "prediction": rng.choice(np.array(classes, dtype=object), 24),
    }
    return attribute, truth, pd.DataFrame(rows), classes


def suite_of(attribute: str, truth: str, classes: list[str]) -> dict[str, Any]:
    members = [{"name": word, "is": {truth: word}} for word in classes]
    probe = {
        "name": "p", "truth": truth, "label_set": "own", "groups": [[attribute]],
        "outcomes": {"misclassified": {}}, "uncovered": "exclude",
    }  # fmt: skip
    return {"suite": "s", "label_sets": {"own": {"sets": {"identity": members}}}, "probes": [probe]}


def in_python(suite: Path, data: Path) -> str:
    """audit.json, or the refusal without the name of the file."""
    try:
        questions, dataset = load_suite(suite), load_dataset(f"predictions:{data}")
        result = AuditResult.from_records(run_suite(questions, PrecomputedModel(dataset.texts), dataset))
    except UserError as error:
        return f"refused: {error.message}".replace(str(data), "FILE").replace("row ", "line ")
    return result.rates.to_csv() + result.gaps.to_csv()


def by_command(suite: Path, data: Path, out: Path) -> str:
    done = CliRunner().invoke(app, ["run", str(suite), "--data", f"predictions:{data}", "--out", str(out)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    if done.exit_code == 2:
        return "refused"
    assert done.exit_code == 0
    result = AuditResult.read(out)
    return result.rates.to_csv() + result.gaps.to_csv()


@pytest.mark.slow
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(tables())
def test_python_and_parquet_agree_with_csv(
    tmp_path_factory: Any, drawn: tuple[str, str, pd.DataFrame, list[str]]
) -> None:
    folder = tmp_path_factory.mktemp("doors")
    attribute, truth, table, classes = drawn
    suite = folder / "suite.yaml"
    suite.write_text(
        yaml.safe_dump(suite_of(attribute, truth, classes), allow_unicode=True), encoding="utf-8"
    )
    buffer = io.StringIO()
    table.to_csv(buffer, index=False, quoting=1, lineterminator="\n")
    (folder / "people.csv").write_bytes(buffer.getvalue().encode())
    table.to_parquet(folder / "people.parquet")
    from_csv, from_parquet = (in_python(suite, folder / f"people.{kind}") for kind in ("csv", "parquet"))
    if from_csv.startswith("refused") or from_parquet.startswith("refused"):
        assert from_csv.split(":")[0] == from_parquet.split(":")[0] == "refused", (from_csv, from_parquet)
    else:
        assert from_csv == from_parquet


@pytest.mark.slow
@settings(max_examples=1, deadline=None, suppress_health_check=list(HealthCheck))
@given(tables())
def test_the_command_line_agrees_with_python(
    tmp_path_factory: Any, drawn: tuple[str, str, pd.DataFrame, list[str]]
) -> None:
    folder = tmp_path_factory.mktemp("doors")
    attribute, truth, table, classes = drawn
    suite = folder / "suite.yaml"
    suite.write_text(
        yaml.safe_dump(suite_of(attribute, truth, classes), allow_unicode=True), encoding="utf-8"
    )
    table.to_parquet(folder / "people.parquet")
    here = in_python(suite, folder / "people.parquet")
    there = by_command(suite, folder / "people.parquet", folder / "out")
    assert there == ("refused" if here.startswith("refused") else here)
