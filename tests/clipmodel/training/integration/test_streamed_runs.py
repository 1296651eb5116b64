"""Runs of the loop on streamed pairs: tar files, tables, real photographs; interrupted and resumed."""

from __future__ import annotations

from pathlib import Path

import pytest

from clipmodel.errors import UserError
from clipmodel.loading import LoadedModel
from clipmodel.training.callbacks import StepReport
from clipmodel.training.loop import train
from clipmodel.training.recipe import Recipe
from tests.clipmodel.training.support.made_shards import jpeg, numbered, write_tar
from tests.clipmodel.training.support.streamed_data import streamed_recipe

FLICKR = Path(__file__).parents[4].parent / "shared" / "data" / "flickr8k"


def _train(
    recipe: Recipe, out: Path, *, steps: int, **kwargs: object
) -> tuple[LoadedModel, list[StepReport]]:
    reports: list[StepReport] = []
    model = train(recipe, out=out, steps=steps, hooks=[reports.append], **kwargs)  # type: ignore[arg-type]
    return model, reports


@pytest.fixture()
def shards(tmp_path: Path) -> str:
    (tmp_path / "shards").mkdir()
    for number in range(3):
        write_tar(tmp_path / "shards" / f"{number}.tar", numbered(range(10 * number, 10 * number + 10)))
    return str(tmp_path / "shards")


def test_stopped_and_continued_equals_uninterrupted(shards: str, tmp_path: Path) -> None:
    recipe = streamed_recipe(shards)
    whole, reports = _train(recipe, tmp_path / "whole", steps=6)
    _, first = _train(recipe, tmp_path / "parts", steps=2)
    again, later = _train(recipe, tmp_path / "parts", steps=6)
    assert again.fingerprint == whole.fingerprint
    assert [r.loss for r in first + later] == [r.loss for r in reports]
    assert reports[-1].epoch > 1


def test_interrupted_between_checkpoints_goes_on(shards: str, tmp_path: Path) -> None:
    recipe = streamed_recipe(shards, loading={"substreams": 2})
    whole, _ = _train(recipe, tmp_path / "whole", steps=6)

    def interrupt(report: StepReport) -> None:
        if report.step == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(recipe, out=tmp_path / "parts", hooks=[interrupt])
    again, later = _train(recipe, tmp_path / "parts", steps=6)
    assert [report.step for report in later] == [5, 6]
    assert again.fingerprint == whole.fingerprint


def test_a_table_of_paths_trains_as_well(tmp_path: Path) -> None:
    rows = ["image,caption"]
    for n in range(12):
        (tmp_path / f"{n}.jpg").write_bytes(jpeg(n))
        rows += [f'{n}.jpg,"image, number {n}"', f"{n}.jpg,number {n}"]
    (tmp_path / "captions.csv").write_text("\n".join(rows))
    recipe = streamed_recipe(str(tmp_path / "captions.csv"), crop={"kind": "resized", "area": (0.5, 1.0)})
    model, reports = _train(recipe, tmp_path / "out", steps=3)
    assert reports[-1].epoch == pytest.approx(24 / 12)
    assert model.encode_text(["number 3"]).shape == (1, 16)


def test_a_model_can_be_trained_on_with_its_own_vocabulary(shards: str, tmp_path: Path) -> None:
    _train(streamed_recipe(shards), tmp_path / "first", steps=3)
    values = streamed_recipe(shards).model_dump()
    recipe = Recipe.model_validate({**values, "tokenizer": None, "init": str(tmp_path / "first" / "model")})
    _, reports = _train(recipe, tmp_path / "second", steps=3)
    assert len(reports) == 3


@pytest.mark.skipif(not FLICKR.is_dir(), reason="no sample of Flickr8k on this machine")
def test_real_photographs_with_five_captions_each(tmp_path: Path) -> None:
    recipe = streamed_recipe(str(FLICKR / "captions.txt"), image_root=str(FLICKR / "images"))
    _, reports = _train(recipe, tmp_path, steps=3)
    assert reports[-1].epoch == pytest.approx(24 / 500)


def test_a_column_that_does_not_exist_lists_the_columns(tmp_path: Path) -> None:
    (tmp_path / "captions.csv").write_text("filepath,title\na.jpg,x\n")
    with pytest.raises(
        UserError, match=r"no column 'caption' \(data.caption\); its columns: filepath, title"
    ):
        _train(streamed_recipe(str(tmp_path / "captions.csv"), caption="caption"), tmp_path, steps=1)
