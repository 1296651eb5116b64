"""Any strings as names, values and classes: three doors give the same numbers or the same refusal."""

from __future__ import annotations

import io
from collections.abc import Callable
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
from probes.datasets import EmbeddedDataset, load_dataset
from probes.datasets.formats import table_batches
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


Drawn = tuple[str, str, pd.DataFrame, list[str]]


@st.composite
def tables(draw: st.DrawFn, *, scored: bool = False) -> Drawn:
    """Names of a group attribute and a truth, a table of predictions or scores, and the classes.

    With scores, rows of a person belong together, persons are called by any strings too, and the scores are
    of one of three kinds.
    """
    attribute, truth = draw(WORDS), draw(WORDS)
    groups = draw(st.lists(WORDS, min_size=1, max_size=3, unique=True))
    classes = draw(st.lists(WORDS, min_size=2, max_size=3, unique=True))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    rows = {
        "path": [f"{i}.jpg" for i in range(24)],
        attribute: rng.choice(np.array(groups, dtype=object), 24),
        truth: rng.choice(np.array(classes, dtype=object), 24),
    }
    if not scored:
        predicted = rng.choice(np.array(classes, dtype=object), 24)
        return attribute, truth, pd.DataFrame(rows | {"prediction": predicted}), classes
    persons = draw(st.lists(WORDS, min_size=4, max_size=12, unique=True))
    table = pd.DataFrame(rows | {"subject_id": rng.choice(np.array(persons, dtype=object), 24)})
    scores = SCORES[draw(st.sampled_from(list(SCORES)))](rng, len(classes))
    if draw(st.booleans()):
        scores[5, 0] = np.nan  # an image without a score is counted as left out
    names = [f"score_{word}" for word in classes]
    return attribute, truth, table.assign(**dict(zip(names, scores.round(4).T, strict=True))), classes


def _of_a_softmax(rng: np.random.Generator, n: int) -> np.ndarray:
    powers = rng.random((24, n)) + 0.01
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


SCORES: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "probabilities": _of_a_softmax,
    "independent probabilities": lambda rng, n: rng.random((24, n)),
    "logits": lambda rng, n: rng.normal(scale=4, size=(24, n)),
}


def suite_of(attribute: str, truth: str, classes: list[str], *, scored: bool = False) -> dict[str, Any]:
    members = [{"name": word, "is": {truth: word}} for word in classes]
    probe = {
        "name": "p", "truth": truth, "label_set": "own", "groups": [[attribute]],
        "outcomes": {"misclassified": {}}, "uncovered": "exclude",
    }  # fmt: skip
    if scored:
        probe["rules"] = ["argmax", "probability"]
        limits = {"thresholds": [0.3, 0.6], "curve": 11}
        return limits | {
            "suite": "s",
            "label_sets": {"own": {"sets": {"identity": members}}},
            "probes": [probe],
        }
    return {"suite": "s", "label_sets": {"own": {"sets": {"identity": members}}}, "probes": [probe]}


def in_python(suite: Path, data: Path) -> str:
    """audit.json, or the refusal without the name of the file."""
    try:
        questions, dataset = load_suite(suite), load_dataset(f"predictions:{data}")
        assert isinstance(dataset, EmbeddedDataset)
        result = AuditResult.from_records(run_suite(questions, PrecomputedModel(dataset.texts), dataset))
    except UserError as error:
        return f"refused: {error.message}".replace(str(data), "FILE").replace("row ", "line ")
    return tables_of(result)


def tables_of(result: AuditResult) -> str:
    """The numbers, with those that clusters and thresholds take part in."""
    shown = (result.rates, result.gaps, result.curves, result.clusters, result.excluded)
    return "\n".join("" if table is None else table.to_csv() for table in shown)


def by_command(suite: Path, data: Path, out: Path) -> str:
    done = CliRunner().invoke(app, ["run", str(suite), "--data", f"predictions:{data}", "--out", str(out)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    if done.exit_code == 2:
        return "refused"
    assert done.exit_code == 0
    result = AuditResult.read(out)
    return tables_of(result)


def written(folder: Path, drawn: Drawn, *, scored: bool = False) -> tuple[Path, Path, Path]:
    """A suite, the table as CSV, and the same rows as parquet."""
    attribute, truth, table, classes = drawn
    suite = folder / "suite.yaml"
    text = yaml.safe_dump(suite_of(attribute, truth, classes, scored=scored), allow_unicode=True)
    suite.write_text(text, encoding="utf-8")
    buffer = io.StringIO()
    table.to_csv(buffer, index=False, quoting=1, lineterminator="\n")
    (folder / "people.csv").write_bytes(buffer.getvalue().encode())
    table.to_parquet(folder / "people.parquet")
    return suite, folder / "people.csv", folder / "people.parquet"


def agree(suite: Path, one: Path, other: Path) -> None:
    """Two files give the same numbers, or both are refused."""
    first, second = in_python(suite, one), in_python(suite, other)
    if first.startswith("refused") or second.startswith("refused"):
        assert first.split(":")[0] == second.split(":")[0] == "refused", (first, second)
    else:
        assert first == second


def of_two_groups(values: list[str]) -> Drawn:
    """A table whose group attribute has given values, with truths that fit no group."""
    rng = np.random.default_rng(0)
    truth = rng.choice(np.array(["m", "f"], dtype=object), 24)
    rows = {"path": [f"{i}.jpg" for i in range(24)], "g": rng.choice(np.array(values, dtype=object), 24)}
    return "g", "sex", pd.DataFrame(rows | {"sex": truth, "prediction": rng.permutation(truth)}), ["m", "f"]


@pytest.mark.parametrize(
    ("change", "values"),
    [
        (
            lambda rows: rows.map(lambda value: value.casefold() if isinstance(value, str) else value),
            ["A", "b"],
        ),
        (lambda rows: rows.iloc[:-1], ["A", "b"]),
        (lambda rows: rows.replace("NA", np.nan), ["NA", "b"]),
        (lambda rows: rows.replace("1.5", "1"), ["1.5", "1", "x"]),
    ],
    ids=["capitals", "a row lost", "NA read as missing", "two groups joined"],
)
def test_a_reader_that_errs_is_found(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    change: Callable[[pd.DataFrame], pd.DataFrame],
    values: list[str],
) -> None:
    """The property can fail: a door that changes rows gives other numbers or another refusal."""
    files = written(tmp_path, of_two_groups(values))
    agree(*files)
    honest = table_batches._Parquet.__iter__
    monkeypatch.setattr(table_batches._Parquet, "__iter__", lambda self: map(change, honest(self)))
    with pytest.raises(AssertionError):
        agree(*files)


MANY = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
FEW = settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.slow
@MANY
@given(tables())
def test_parquet_agrees_with_csv(tmp_path_factory: Any, drawn: Drawn) -> None:
    agree(*written(tmp_path_factory.mktemp("doors"), drawn))


@pytest.mark.slow
@MANY
@given(tables(scored=True))
def test_parquet_agrees_with_csv_on_scores_and_persons(tmp_path_factory: Any, drawn: Drawn) -> None:
    agree(*written(tmp_path_factory.mktemp("doors"), drawn, scored=True))


@pytest.mark.slow
@FEW
@given(tables(), tables(scored=True))
def test_the_command_line_agrees_with_python(tmp_path_factory: Any, plain: Drawn, scored: Drawn) -> None:
    for drawn in (plain, scored):
        folder = tmp_path_factory.mktemp("doors")
        suite, _, parquet = written(folder, drawn, scored=drawn is scored)
        here, there = in_python(suite, parquet), by_command(suite, parquet, folder / "out")
        assert there == ("refused" if here.startswith("refused") else here)
