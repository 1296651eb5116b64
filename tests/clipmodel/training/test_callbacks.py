from __future__ import annotations

import pytest
from pydantic import ValidationError

from clipmodel.training.callbacks import Every, StepReport


def report(**changes: float) -> StepReport:
    values = {"step": 4, "steps": 8, "epoch": 1.5, "pairs": 32, "loss": 1.0, "learning_rate": 1e-3,
              "logit_scale": 14.0, "seconds": 0.5, "data_seconds": 0.1}  # fmt: skip
    return StepReport(**{**values, **changes})  # type: ignore[arg-type]


def test_images_a_second_are_those_of_all_processes() -> None:
    assert report().images_per_second == 64


@pytest.mark.parametrize(
    ("words", "count", "unit"),
    [("1 epoch", 1, "epoch"), (" 20 epochs ", 20, "epoch"), ("100 steps", 100, "step")],
)
def test_a_rhythm_in_words(words: str, count: int, unit: str) -> None:
    assert Every.model_validate(words) == Every(count=count, unit=unit)  # type: ignore[arg-type]


@pytest.mark.parametrize("words", ["1 day", "every epoch", "0 steps", "-1 steps", "1.5 epochs"])
def test_a_rhythm_that_is_none(words: str) -> None:
    with pytest.raises(ValidationError):
        Every.model_validate(words)


def test_a_round_is_done_when_its_last_step_is() -> None:
    steps, epochs = Every(count=3, unit="step"), Every(count=2, unit="epoch")
    assert [steps.due(step, epoch=0, epoch_before=0) for step in (1, 2, 3, 6)] == [False, False, True, True]
    # Steps of .75 epochs: the second epoch is passed between 1.5 and 2.25, the fourth ends at 4.
    moves = [(0.0, 0.75), (1.5, 2.25), (2.25, 3.0), (3.25, 4.0)]
    assert [epochs.due(9, epoch=b, epoch_before=a) for a, b in moves] == [False, True, False, True]
