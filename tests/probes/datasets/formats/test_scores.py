"""What a file's scores are is decided once for all its rows, or stated."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clipmodel.errors import UserError
from probes.datasets.cards import ScoreKind
from probes.datasets.formats.scores import Fits, bias_of, logits_of, note_on, numbers_of

FILE = Path("scores.csv")


@dataclass
class Scores:
    """What a file of scores was read as."""

    logits: np.ndarray
    bias: float | None
    note: str
    n_clipped: int


def read(rows: list[list[object]], stated: ScoreKind | None = None) -> Scores:
    table = pd.DataFrame(
        rows, columns=["score_a", "score_b"], index=pd.RangeIndex(2, len(rows) + 2, name="line")
    )
    return read_table(table, stated)


def read_table(table: pd.DataFrame, stated: ScoreKind | None = None) -> Scores:
    """Row by row: what is decided for the file does not depend on how many rows are seen at a time."""
    scores, fits = numbers_of(FILE, table), Fits()
    for row in range(len(table)):
        fits.add(scores[row : row + 1], table.index[row : row + 1])
    kind = fits.kind(FILE, stated)
    logits, n_clipped = logits_of(scores, kind)
    return Scores(logits, bias_of(kind), note_on(kind, stated), n_clipped)


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True)


def test_probabilities_come_back_as_themselves() -> None:
    rows = [[0.25, 0.75], [0.9, 0.1]]
    scores = read(rows)
    np.testing.assert_allclose(softmax(scores.logits), rows)
    assert scores.bias is None


def test_rounding_beyond_the_range_is_clipped_and_told() -> None:
    scores = read([[1.0000001, -1e-9], [0.5, 0.5]])
    np.testing.assert_allclose(softmax(scores.logits)[0], [1, 0], atol=1e-6)
    assert scores.n_clipped == 2


def test_percentages_are_probabilities_times_a_hundred() -> None:
    np.testing.assert_allclose(
        softmax(read([[25.0, 75.0], [90.1, 9.9]]).logits), [[0.25, 0.75], [0.901, 0.099]]
    )


def test_probabilities_of_each_class_alone_are_sigmoids() -> None:
    scores = read([[0.9, 0.8], [0.2, 0.8]])  # one row adds up to 1 by chance
    np.testing.assert_allclose(1 / (1 + np.exp(-scores.logits)), [[0.9, 0.8], [0.2, 0.8]])
    assert scores.bias == 0


def test_logits_are_taken_as_they_are() -> None:
    np.testing.assert_array_equal(read([[3.0, -1.0], [0.5, 2.0]]).logits, [[3, -1], [0.5, 2]])


@pytest.mark.parametrize(
    ("rows", "line", "kind"),
    [
        ([[0.3, 0.7], [0.6, 0.4], [3.1, -2.0]], 4, "probabilities"),
        ([[30.0, 70.0], [60.0, 40.0], [0.3, 0.7]], 4, "percentages"),
        ([[0.3, 0.9], [7.0, 0.4], [0.8, 0.7]], 3, "independent probabilities"),
    ],
)
def test_rows_of_several_kinds_are_refused_with_the_row(
    rows: list[list[object]], line: int, kind: str
) -> None:
    with pytest.raises(
        UserError, match=rf"line {line}: the scores .* are no {kind}, as the scores of 2 others"
    ):
        read(rows)


def test_a_card_settles_what_the_scores_are() -> None:
    rows: list[list[object]] = [[0.3, 0.7], [0.6, 0.4], [3.1, -2.0]]
    np.testing.assert_array_equal(read(rows, "logits").logits, rows)
    with pytest.raises(UserError, match=r"line 4: .* 3\.1, -2 are no probabilities, as the card says"):
        read(rows, "probabilities")


def test_a_row_without_a_score_has_none() -> None:
    scores = read([[None, "0.5"], ["0.5", "0.5"]])
    assert np.isnan(scores.logits[0]).any()
    assert np.isfinite(scores.logits[1]).all()


def test_a_word_among_scores_is_refused_with_its_line() -> None:
    with pytest.raises(UserError, match="line 3: score_b is 'high'"):
        read([["0.5", "0.5"], ["0.5", "high"]])


def test_a_thousand_classes_rounded_to_four_digits_still_add_up(tmp_path: Path) -> None:
    shares = np.full((3, 1000), 0.001).round(4)
    shares[:, 0] = 0.0413  # rounding moved the sum to 1.0403
    table = pd.DataFrame(shares, columns=[f"score_{i}" for i in range(1000)])
    assert read_table(table).bias is None


@pytest.mark.parametrize(
    ("written", "remedy"),
    [
        ("0,05", "write decimals with a point: 0.05"),
        ("93 %", "write it without the sign: 93"),
        ("inf", "write a number up to 1e\\+30, or nothing"),
        ("-1e400", "write a number up to 1e\\+30, or nothing"),
        (1e300, "write a number up to 1e\\+30, or nothing"),
    ],
)
def test_what_is_no_score_is_refused_with_what_to_write(written: object, remedy: str) -> None:
    """An infinite logit is not a missing one, and differences of 1e300 are no numbers in 32 bits."""
    with pytest.raises(UserError, match=r"scores\.csv, line 3: score_b is") as caught:
        read([[0.1, 0.9], [0.5, written]])
    assert re.fullmatch(remedy, caught.value.remedy)
