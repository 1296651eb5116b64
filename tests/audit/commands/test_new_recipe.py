from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from audit.commands.new_recipe import Table, _on_table, _table, _with_value
from clipmodel.errors import UserError
from clipmodel.training.recipe import shipped_recipes
from tests.audit.commands.conftest import Invoke

SMALL = shipped_recipes()["small"].read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("n_images", "batch", "accumulate"),
    # The largest of 512, 256, ..., 2 that the images fill eight times; in four parts from 32 on.
    [(4096, 512, 4), (4095, 256, 4), (256, 32, 4), (255, 16, 1), (3, 2, 1)],
)
def test_a_small_table_fills_its_batches(n_images: int, batch: int, accumulate: int) -> None:
    table = Table(path=Path("a.csv"), image="image", caption="caption", n_images=n_images)
    found = yaml.safe_load(_on_table(SMALL, table, epochs=10))
    steps = 10 * n_images // batch
    assert (found["batch_size"], found["accumulate"], found["epochs"]) == (batch, accumulate, 10)
    assert found["optim"]["warmup_steps"] == min(500, steps // 10)
    assert found["save_every"] == max(1, min(200, steps // 4))
    assert (found["data"]["source"], found["data"]["samples"]) == ("a.csv", n_images)


def test_only_the_value_is_changed() -> None:
    changed = _with_value("a: 1  # why\nb: {batch_size: 2, c: 3}\nmy_batch_size: 4\n", "batch_size", 9)
    assert changed == "a: 1  # why\nb: {batch_size: 9, c: 3}\nmy_batch_size: 4\n"
    with pytest.raises(UserError, match="no 'seed' to set"):
        _with_value("a: 1\n", "seed", 1)


def test_an_image_with_several_captions_counts_once(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("filepath,title\n1.jpg,one\n1.jpg,uno\n2.jpg,two\n")
    table = _table(file)
    assert (table.image, table.caption, table.n_images) == ("filepath", "title", 2)


def test_a_recipe_takes_the_name_of_its_file(invoke: Invoke, workplace: Path) -> None:
    made = invoke("train", "new", "mine.yaml", "--epochs", "2")
    assert made.exit_code == 0, made.output
    text = Path("mine.yaml").read_text()
    found = yaml.safe_load(text)
    assert (found["recipe"], found["epochs"]) == ("mine", 2)
    assert found["launch"] == "clip-audit train mine.yaml" and found["expect"] == "not measured yet"
    # 2 x 100,000 images in batches of 512 are 390 steps, too few for the 500 of the shipped warm-up.
    assert found["optim"]["warmup_steps"] == 39
    assert "torchrun" not in text  # what was said of the shipped one


def test_what_cannot_be_begun_with_or_written_is_refused(invoke: Invoke, workplace: Path) -> None:
    unknown = invoke("train", "new", "a.yaml", "--from", "smal")
    assert unknown.exit_code == 2 and "did you mean 'small'?" in unknown.stderr
    nowhere = invoke("train", "new", "nowhere/a.yaml")
    assert nowhere.exit_code == 2 and "cannot be written" in nowhere.stderr
    assert not Path("a.yaml").exists()
