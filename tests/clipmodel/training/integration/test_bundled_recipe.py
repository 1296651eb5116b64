"""The recipe tiny still begins the run that made the bundled model."""

from __future__ import annotations

from pathlib import Path

import pytest

from clipmodel.loading import BUNDLED
from clipmodel.training.callbacks import StepReport
from clipmodel.training.loop import train
from clipmodel.training.recipe import load_recipe

EMOJI = Path(__file__).parents[4] / "probes" / "data" / "emoji"


def test_the_recipe_learns_the_bundled_vocabulary_and_starts_at_its_loss(tmp_path: Path) -> None:
    reports: list[StepReport] = []
    train(
        load_recipe("tiny"),
        out=tmp_path,
        steps=2,
        hooks=[reports.append],
        resolve=lambda _: sorted(EMOJI.glob("*.parquet")),
    )
    assert (tmp_path / "model" / "tokenizer.json").read_bytes() == (
        BUNDLED["tiny"] / "tokenizer.json"
    ).read_bytes()
    # From the log of that run. Weights, captions and augmentation are drawn from the seed; what the last
    # digits do depends on the machine.
    assert [report.loss for report in reports] == pytest.approx([5.755330, 5.711466], abs=2e-3)
