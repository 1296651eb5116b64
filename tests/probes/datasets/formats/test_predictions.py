"""Predictions and scores from a table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from clipmodel.errors import UserError
from probes.datasets import load_dataset
from probes.datasets.formats.predictions import load_predictions
from probes.embeddings.precomputed import PrecomputedModel
from probes.scoring.design_scores import Head


def write(folder: Path, text: str) -> Path:
    (folder / "p.csv").write_text(text)
    return folder / "p.csv"


def test_predictions_become_unit_vectors(tmp_path: Path) -> None:
    """The last axis is of the classes that are never predicted; row c has no prediction."""
    file = write(tmp_path, "path,gender,prediction\na,w,man\nb,m,woman\nc,m,\nd,,man\n")
    data = load_dataset(f"predictions:{file}")
    loaded = load_predictions(file)
    assert loaded.embeddings.tolist() == [[1, 0, 0], [0, 1, 0], [1, 0, 0]]
    assert loaded.texts.rows == {"man": 0, "woman": 1}
    assert loaded.texts.unknown == 2
    assert data.values("gender").isna().tolist() == [False, False, True]
    assert data.dropped[["reason", "gender"]].to_numpy().tolist() == [["no prediction", "m"]]


@pytest.mark.parametrize(
    ("rows", "note"),
    [
        ([[0.7, 0.2, 0.1], [0.0, 0.5, 0.5]], "add up to 1"),
        ([[0.7, 0.7, 0.1], [0.2, 0.5, 0.0]], "class alone"),
    ],
)
def test_probabilities_come_out_as_they_went_in(tmp_path: Path, rows: list[list[float]], note: str) -> None:
    lines = [f"{i},x,{','.join(map(str, row))}" for i, row in enumerate(rows)]
    header = "path,gender,score_a,score_b,score_c"
    data = load_predictions(write(tmp_path, "\n".join([header, *lines])))
    cosines = data.texts.vectors @ data.embeddings.T
    head = Head(scale=data.texts.scale, bias=data.texts.bias)
    np.testing.assert_allclose(head.probabilities(cosines).T, rows, atol=1e-6)
    assert note in data.card.notes[0]
    assert list(data.texts.rows) == ["a", "b", "c"]
    assert data.attributes == ["gender"]


def test_logits_are_read_as_logits(tmp_path: Path) -> None:
    """Softmax of 2 and 0: 1 / (1 + exp(-2)) = 0.8808."""
    data = load_predictions(write(tmp_path, "gender,score_a,score_b\nm,2,0\nw,-3,\n"))
    probabilities = Head(scale=data.texts.scale).probabilities(data.texts.vectors @ data.embeddings.T)
    assert probabilities[0] == pytest.approx(0.8808, abs=1e-4)
    assert "logits" in data.card.notes[0]
    assert data.dropped["reason"].tolist() == ["no score for some class"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,gender\na,m\n", "no prediction among: path, gender"),
        ("path,gender,prediction\na,m,\n", "'prediction' is empty"),
        ("path,gender,score_a,score_b\na,m,1,2\nb,m,0.5,high\n", "line 3: score_b is 'high'"),
        ("path,prediction\na,man\n", "no attribute"),
        ("path,gender,score_a,score_b\na,m,1,\nb,m,,2\n", "no image has a score for every class"),
        ("path,gender,prediction\na,m,man\na,f,man\n", "line 3: the image 'a' is there twice"),
        ("path,gender,prediction\na,m,man\n,m,man\n", "line 3: the path is empty"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_predictions(write(tmp_path, text))


def test_files_of_other_predictions_are_other_models(tmp_path: Path) -> None:
    """Both have the classes man and woman: only what they say of the images tells them apart."""
    files = {}
    for name, rows in {"a": "w,man\nm,woman\n", "b": "w,woman\nm,man\n", "again": "w,man\nm,woman\n"}.items():
        (tmp_path / f"{name}.csv").write_text(f"gender,prediction\n{rows}")
        files[name] = PrecomputedModel(load_predictions(tmp_path / f"{name}.csv").texts).fingerprint
    assert files["a"] == files["again"] != files["b"]
    scores = "gender,score_a,score_b\nw,0.{},0.{}\n"
    first = PrecomputedModel(load_predictions(write(tmp_path, scores.format(2, 8))).texts).fingerprint
    assert first != PrecomputedModel(load_predictions(write(tmp_path, scores.format(3, 7))).texts).fingerprint


def test_floats_of_one_column_and_whole_numbers_of_another_are_the_same_labels(tmp_path: Path) -> None:
    data = load_predictions(write(tmp_path, "y_true,y_pred\n1,1.0\n0,0.0\n1,\n"))
    assert data.levels("y_true") == ["0", "1"]
    assert list(data.texts.rows) == ["0", "1"]


@pytest.mark.parametrize("header", ["prediction", "predicted", "y_pred"])
def test_predictions_go_by_several_names(tmp_path: Path, header: str) -> None:
    assert load_predictions(write(tmp_path, f"image_id,gender,{header}\nx,m,man\n")).attributes == ["gender"]


def test_image_ids_beside_paths_are_not_read(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="'image_id' was not read"):
        data = load_predictions(write(tmp_path, "image_id,path,gender,prediction\n7,x.jpg,m,man\n"))
    assert data.frame["image_id"].tolist() == ["x.jpg"]


def test_clipped_scores_are_told(tmp_path: Path) -> None:
    data = load_predictions(write(tmp_path, "gender,score_a,score_b\nm,1.0000001,-0.00000001\nw,0.5,0.5\n"))
    assert "2 scores outside the range by rounding were clipped." in data.card.notes


def test_the_card_says_what_scores_are(tmp_path: Path) -> None:
    (tmp_path / "p.card.yaml").write_text("scores: logits\n")
    data = load_predictions(write(tmp_path, "gender,score_a,score_b\nm,0.25,0.3\nw,0.2,0.28\n"))
    np.testing.assert_allclose(data.embeddings, [[0.25, 0.3], [0.2, 0.28]], rtol=1e-6)


def test_a_class_has_one_column_of_scores(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the scores of the class 'a' are there twice"):
        load_predictions(write(tmp_path, "gender,score_a,score_ a\nm,0.2,0.3\n"))


def test_scores_decide_over_predictions_and_ties_are_told(tmp_path: Path) -> None:
    """Row a predicts what its scores say, row b the other class; both classes of row c share its score."""
    rows = "a,m,man,0.9,0.1\nb,w,man,0.2,0.8\nc,w,,0.5,0.5\n"
    data = load_predictions(write(tmp_path, f"path,gender,Prediction,Score_man,score_woman\n{rows}"))
    assert data.attributes == ["gender"] and list(data.texts.rows) == ["man", "woman"]
    told = " ".join(data.card.notes)
    assert "In 1 image several classes share the highest score" in told
    assert "'Prediction' is not read: the scores decide; in 1 image another class has the highest" in told


def test_rows_that_repeat_in_full_are_dropped_as_in_a_table_of_images(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Dropped: 1 row that repeats"):
        data = load_predictions(write(tmp_path, "path,gender,prediction\na,m,man\nb,w,man\na,m,man\n"))
    assert data.frame["image_id"].tolist() == ["a", "b"]
