"""A file of predictions read a few rows at a time gives the audit of the file read whole, byte for byte."""

from __future__ import annotations

import itertools
import warnings
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audit.result import AuditResult
from clipmodel.errors import UserError
from probes.datasets.formats.embeddings import EmbeddedDataset
from probes.datasets.formats.prediction_rows import PredictionsDataset
from probes.datasets.formats.predictions import load_predictions
from probes.embeddings.embed import EmbeddingStore
from probes.embeddings.precomputed import PrecomputedModel
from probes.records import Records
from probes.runner import run_suite
from probes.suite.suite import load_suite

N = 120
SUITE = """\
suite: rows
title: Rows of a file
data: emoji
THRESHOLDS
probes:
  - name: words
    title: Words
    question: Which word?
    label_set: words
    groups: [[gender], [tone], [gender, tone]]
    outcomes: {harm: ["harm: crime"]}
    rules: RULES
label_sets:
  words: {sets: {identity: [doctor, nurse], "harm: crime": [thief]}}
"""


@pytest.fixture
def table() -> pd.DataFrame:
    """Two images of a person; a tone and a score are missing, a row repeats, a blank stands before a word."""
    rng = np.random.default_rng(3)
    scores = rng.dirichlet(np.ones(3), N).round(4)
    frame = pd.DataFrame(
        {
            "image": [f"{i:03}.jpg" for i in range(N)],
            "gender": rng.choice(["woman", "man"], N),
            "tone": rng.choice(["light", "dark"], N),
            "visible_tone": rng.random(N) < 0.9,
            "person_id": [f"p{i // 2}" for i in range(N)],
            **{f"score_{name}": scores[:, i] for i, name in enumerate(("doctor", "nurse", "thief"))},
        }
    )
    frame.loc[7, "tone"] = None
    frame.loc[50, "score_nurse"] = np.nan
    frame.loc[60, "gender"] = " woman"
    return pd.concat([frame, frame.iloc[[11]]], ignore_index=True)


def load(file: Path, *, batch_rows: int) -> PredictionsDataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load_predictions(file, batch_rows=batch_rows, block_characters=40 * batch_rows)


def records_of(file: Path, folder: Path, *, batch_rows: int, scored: bool) -> Records:
    rules = "[argmax, probability]" if scored else "[argmax]"
    thresholds = "thresholds: [0.2, 0.5]" if scored else ""
    folder.mkdir()
    (folder / "s.yaml").write_text(SUITE.replace("RULES", rules).replace("THRESHOLDS", thresholds))
    data = load(file, batch_rows=batch_rows)
    suite = load_suite(str(folder / "s.yaml"))
    store = EmbeddingStore(folder / "cache")
    return run_suite(suite, PrecomputedModel(data.texts), data, store=store, keep_images=True)


def parts_of(records: Records) -> dict[str, object]:
    """The manifest and every table, by name."""
    found = {one.name: getattr(records, one.name) for one in fields(records)}
    return {
        name: part.to_dict("list") if isinstance(part, pd.DataFrame) else part for name, part in found.items()
    }


def audit(records: Records, folder: Path) -> dict[str, bytes]:
    """Every file of the audit but the report."""
    AuditResult.from_records(records).write(folder)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("name", ["scores.csv", "quoted.csv", "scores.parquet", "predictions.csv"])
def test_the_records_do_not_depend_on_how_much_is_held(
    name: str, table: pd.DataFrame, tmp_path: Path
) -> None:
    file = tmp_path / name
    if scored := not name.startswith("predictions"):
        frame = table
    else:
        frame = table.iloc[:, :5].assign(prediction=np.resize(["doctor", "thief", None, "nurse"], N + 1))
        frame.loc[N] = frame.loc[11]
    if name == "scores.parquet":
        frame.to_parquet(file)
    else:
        frame.to_csv(file, index=False, quoting=1 if name == "quoted.csv" else 0)
    whole = records_of(file, tmp_path / "whole", batch_rows=1000, scored=scored)
    streamed = records_of(file, tmp_path / "streamed", batch_rows=25, scored=scored)
    assert str(parts_of(streamed)) == str(parts_of(whole))  # as text, NaN is itself
    assert len(whole.counts) and whole.clusters is not None
    if name == "scores.csv":
        assert audit(streamed, tmp_path / "a") == audit(whole, tmp_path / "b")
        assert (tmp_path / "a" / "audit.json").exists()


def dealt(table: pd.DataFrame, folder: Path, *, suffix: str, n_parts: int) -> Path:
    """The rows of a table in parts of unequal sizes, as an engine writes them."""
    folder.mkdir(parents=True)
    (folder / "_SUCCESS").touch()
    ends = [0, *np.sort(np.random.default_rng(n_parts).integers(0, len(table), n_parts - 1)), len(table)]
    for number, (start, end) in enumerate(itertools.pairwise(ends)):
        file, own = folder / f"part-{number:05}{suffix}", table.iloc[start:end]
        own.to_csv(file, index=False) if suffix == ".csv" else own.to_parquet(file, index=False)
    return folder


@pytest.mark.parametrize("name", ["scores.csv", "scores.parquet"])
def test_a_folder_of_parts_gives_the_audit_of_the_file(
    name: str, table: pd.DataFrame, tmp_path: Path
) -> None:
    """Called alike in another folder, it gives the same bytes; a row repeats one of another part."""
    suffix = Path(name).suffix
    (tmp_path / "whole").mkdir()
    file = tmp_path / "whole" / name
    table.to_csv(file, index=False) if suffix == ".csv" else table.to_parquet(file, index=False)
    parts = dealt(table, tmp_path / "parts" / name, suffix=suffix, n_parts=5)
    found = {}
    for number, source in enumerate((file, parts)):
        records = records_of(source, tmp_path / f"run{number}", batch_rows=25, scored=True)
        found[source] = audit(records, tmp_path / f"audit{number}")
    assert found[file] == found[parts]
    assert len(load(parts, batch_rows=9)) == N - 1  # 121 rows, one repeated, one without a score


def test_the_order_of_the_parts_is_a_part_of_the_hash(table: pd.DataFrame, tmp_path: Path) -> None:
    first = load(dealt(table, tmp_path / "a", suffix=".csv", n_parts=2), batch_rows=25)
    again = load(dealt(table, tmp_path / "b", suffix=".csv", n_parts=3), batch_rows=25)
    (tmp_path / "b" / "part-00000.csv").rename(tmp_path / "b" / "part-9.csv")
    other = load(tmp_path / "b", batch_rows=25)
    assert first.sha256 == again.sha256 != other.sha256
    assert first.texts.content == again.texts.content != other.texts.content


def test_what_is_read_is_what_pandas_reads(table: pd.DataFrame, tmp_path: Path) -> None:
    """The naive reference: a frame in memory, its logits, and the hash over all of its columns."""
    table.to_csv(tmp_path / "t.csv", index=False)
    data = load(tmp_path / "t.csv", batch_rows=25)
    scores = [name for name in table if name.startswith("score_")]
    kept = table.iloc[:N].drop(index=50)
    np.testing.assert_allclose(data.embeddings, np.log(np.clip(kept[scores], 1e-12, 1)))
    assert data.frame["image_id"].tolist() == kept["image"].tolist()
    assert data.dropped[["reason", "gender"]].to_numpy().tolist() == [
        ["no score for some class", table["gender"][50]]
    ]
    whole = EmbeddedDataset(
        data.frame, attributes=data.attributes, card=data.card, embeddings=data.embeddings, texts=data.texts
    )
    assert data.sha256 == whole.sha256


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": {80: "003.jpg"}}, "line 82: the image '003.jpg' is there twice"),
        ({"image": {80: None}}, "line 82: the path is empty"),
        ({"score_nurse": {80: "0,5"}}, "line 82: score_nurse is '0,5'"),
        (
            {"score_nurse": {80: 7.5}},
            "line 82: the scores .* are no probabilities, as the scores of 118 others",
        ),
        ({"visible_tone": {80: "perhaps"}}, "line 82: visible_tone is 'perhaps'"),
        ({"gender": {80: "(all)"}}, r"gender is '\(all\)'"),
    ],
)
def test_messages_name_the_line_of_the_file(
    change: dict[str, dict[int, object]], message: str, table: pd.DataFrame, tmp_path: Path
) -> None:
    table = table.astype(object)
    for name, values in change.items():
        for row, value in values.items():
            table.loc[row, name] = value
    table.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(UserError, match=message):
        load(tmp_path / "t.csv", batch_rows=25)
    # Row 80 of the table is row 39 of the second part, and so its line 41.
    folder = tmp_path / "parts"
    folder.mkdir()
    for name, rows in {"a.csv": table.iloc[:41], "b.csv": table.iloc[41:]}.items():
        rows.to_csv(folder / name, index=False)
    with pytest.raises(UserError, match=message.replace("line 82", "b.csv, line 41")):
        load(folder, batch_rows=25)


def test_combinations_stand_for_rows(table: pd.DataFrame, tmp_path: Path) -> None:
    table.to_csv(tmp_path / "t.csv", index=False)
    data = load(tmp_path / "t.csv", batch_rows=25)
    found = data.combinations
    assert found.n.sum() == len(data) == N - 1
    for name in ("gender", "tone", "visible_tone"):
        expected = data.frame[name].astype(object).where(data.frame[name].notna(), None)
        again = found.frame[name].iloc[found.code].reset_index(drop=True)
        assert again.astype(object).where(again.notna(), None).tolist() == expected.tolist()


def test_memberships_are_part_of_the_combinations(tmp_path: Path) -> None:
    """Of "Asia;Europe" an image has both values."""
    (tmp_path / "t.csv").write_text("ancestry,prediction\nAsia;Europe,a\nAsia,b\nAfrica,a\n")
    (tmp_path / "t.card.yaml").write_text('several_values: {ancestry: ";"}\n')
    data = load(tmp_path / "t.csv", batch_rows=2)
    _ = data.combinations
    data.add_memberships(["ancestry: Asia"])
    assert data.combinations.frame["ancestry: Asia"].nunique() == 2
    assert len(data.levels("ancestry: Asia")) == 2


def test_a_message_counts_images_and_not_combinations(table: pd.DataFrame, tmp_path: Path) -> None:
    """None of 120 images has a tone; they have two combinations of values."""
    predicted = table.iloc[:N, :3].assign(tone=None, prediction="doctor")
    predicted.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(UserError, match="none of the 120 selected images shows its tone"):
        records_of(tmp_path / "t.csv", tmp_path / "run", batch_rows=25, scored=False)
