from __future__ import annotations

from typing import get_type_hints

from audit.commands.console.model_options import Told, spelled
from clipmodel.loading import load_model


def test_options_that_were_given_are_spelled_as_on_a_command_line() -> None:
    told: Told = {"activation": "gelu", "preprocess": None, "weights": "ema"}
    assert spelled(told) == ["--activation", "gelu", "--weights", "ema"]
    assert spelled({"activation": None, "preprocess": None, "weights": None}) == []


def test_what_is_told_are_arguments_of_load_model() -> None:
    assert set(get_type_hints(Told)) <= set(get_type_hints(load_model))
