from __future__ import annotations

from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from audit.cli import app
from audit.commands.composed.audit_evaluator import AuditedRecipe
from audit.commands.recipes import _every, _facts
from clipmodel.training.recipe import load_recipe


@pytest.mark.parametrize(
    ("count", "unit", "words"), [(1, "epoch", "every 1 epoch"), (100, "step", "every 100 steps")]
)
def test_how_often(count: int, unit: str, words: str) -> None:
    assert _every(SimpleNamespace(count=count, unit=unit)) == words


def test_a_recipe_in_words() -> None:
    facts = dict(_facts(load_recipe("small", AuditedRecipe)))
    # 30 epochs of 100,000 images are 5,859 full batches of 512.
    assert facts["steps"] == "5,859 of 512 pairs: 2,999,808 pairs in all"
    assert facts["model"] == "128 px, embedding of 256 dimensions, loss softmax, precision bf16"
    assert facts["data"] == "captions.csv, 100,000 images"
    assert (facts["validation"], facts["audit"]) == ("none", "none")


@pytest.mark.parametrize("words", [["train", "small.yml"], ["train", "run", "small.yml"]])
def test_run_may_be_left_out(words: list[str]) -> None:
    done = CliRunner().invoke(app, words)
    assert done.exit_code != 0 and "small.yml" in done.output + str(done.exception)


def test_shown_is_the_file_itself() -> None:
    done = CliRunner().invoke(app, ["train", "show", "tiny"])
    assert done.exit_code == 0 and "\nrecipe: tiny\n" in done.output
