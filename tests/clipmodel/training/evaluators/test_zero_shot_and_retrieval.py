"""Validation while training: the figures by hand, when they are taken, and that they change nothing."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest
import yaml
from PIL import Image

from clipmodel.errors import UserError
from clipmodel.loading import LoadedModel
from clipmodel.training.callbacks import Every
from clipmodel.training.evaluators.zero_shot_and_retrieval import read_validation_set
from clipmodel.training.loop import train
from clipmodel.training.recipe import Recipe, load_recipe
from tests.clipmodel.training.conftest import RECIPE
from tests.clipmodel.training.support.made_shards import jpeg
from tests.clipmodel.training.support.streamed_data import streamed_recipe

PLAN = {
    "where": {"split": ["test", "train"]},
    "every": "4 steps",
    "zero_shot": {"shape": ["{a} {}", "the {}"], "colour": ["{}"]},
}


def _recipe(**changes: object) -> Recipe:
    return Recipe.model_validate({**RECIPE, "validation": {**PLAN, **changes}})


def _train(recipe: Recipe, images: Path, out: Path, **kwargs: int) -> LoadedModel:
    return train(recipe, out=out, resolve=lambda _: [images], **kwargs)  # type: ignore[arg-type]


def test_it_is_measured_when_due_and_at_the_end_and_changes_no_weight(
    recipe: Recipe, images: Path, tmp_path: Path
) -> None:
    plain = _train(recipe, images, tmp_path / "plain", steps=10)
    watched = _train(_recipe(), images, tmp_path / "watched", steps=10)
    assert watched.fingerprint == plain.fingerprint
    measures = pd.read_csv(tmp_path / "watched" / "measures.csv")
    assert list(measures["step"].unique()) == [4, 8, 10]
    assert list(measures.loc[measures["step"] == 8, "measure"]) == [
        "zero-shot accuracy, shape", "zero-shot accuracy, colour",
        "recall@1, image to text", "recall@5, image to text", "recall@10, image to text",
        "recall@1, text to image", "recall@5, text to image", "recall@10, text to image",
    ]  # fmt: skip
    assert measures["value"].between(0, 1).all()


def test_measures_of_steps_done_again_are_replaced(images: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    _train(_recipe(), images, whole)
    _train(_recipe(), images, parts, steps=7)
    with (parts / "measures.csv").open("a") as file:
        file.write("8,1.8,made up,1,1\n")
    _train(_recipe(), images, parts)
    found = pd.read_csv(parts / "measures.csv")
    assert found[found["step"] != 7].reset_index(drop=True).equals(pd.read_csv(whole / "measures.csv"))


def test_accuracy_is_that_of_plain_counting(images: Path, tmp_path: Path) -> None:
    recipe = _recipe(retrieval=False)
    model = _train(recipe, images, tmp_path, steps=4)
    measures = pd.read_csv(tmp_path / "measures.csv").set_index("measure")
    assert recipe.validation is not None
    data = read_validation_set(recipe, recipe.validation, lambda _: [images])
    frame = pd.read_parquet(images)
    # A disc and a square, the mean of two prompts each, compared image by image.
    prompts = {name: [f"a {name}", f"the {name}"] for name in ("disc", "square")}
    classes = {name: model.encode_text(texts).mean(dim=0) for name, texts in prompts.items()}
    classes = {name: vector / vector.norm() for name, vector in classes.items()}
    right = 0
    for image, shape in zip(frame["image"], frame["shape"], strict=True):
        pixels = model.preprocess(Image.open(io.BytesIO(image)))
        embedded = model.encode_image(pixels[None])[0]
        right += max(classes, key=lambda name: float(embedded @ classes[name])) == shape
    assert measures.loc["zero-shot accuracy, shape", "value"] == pytest.approx(right / 40)
    assert measures.loc["zero-shot accuracy, shape", "n"] == 40
    assert [question.prompts[0] for question in data.questions] == [["a disc", "the disc"], ["blue"]]


def test_a_text_belongs_to_every_image_it_describes(images: Path) -> None:
    recipe = _recipe(captions_per_image=3)
    assert recipe.validation is not None
    data = read_validation_set(recipe, recipe.validation, lambda _: [images])
    assert len(set(data.texts)) == len(data.texts)
    frame = pd.read_parquet(images)
    text = "an orange disc with several words"
    told = set(data.pairs[data.pairs[:, 1] == data.texts.index(text), 0].tolist())
    assert told == set(frame.index[(frame["colour"] == "orange") & (frame["shape"] == "disc")])


def test_a_stream_is_validated_on_another_one_with_all_its_captions(tmp_path: Path) -> None:
    for name, classes in (("train", 2), ("test", 3)):
        (tmp_path / name).mkdir()
        for i in range(12):
            (tmp_path / name / f"{i}.jpg").write_bytes(jpeg(i))
        text = [f"{i}.jpg,{('red', 'blue', 'green')[i % classes]} square" for i in range(12)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["path,caption", *[f"{name}/{t}" for t in text]]))
    (tmp_path / "test" / "torn.jpg").write_bytes(jpeg(0)[:200])
    with (tmp_path / "test.csv").open("a") as file:
        file.write("\ntest/torn.jpg,red square\n")
    plan = {"source": str(tmp_path / "test.csv"), "every": "2 steps", "zero_shot": {"caption": ["a {}"]}}
    recipe = streamed_recipe(str(tmp_path / "train.csv"))
    values = {**recipe.model_dump(exclude_defaults=True), "validation": plan}
    recipe = Recipe.model_validate(values)
    assert recipe.validation is not None
    data = read_validation_set(recipe, recipe.validation, lambda _: [])
    assert len(data.images) == 12  # the torn one is left out
    assert sorted(data.texts) == ["blue square", "green square", "red square"]
    assert data.questions[0].prompts == [["a blue square"], ["a green square"], ["a red square"]]
    # Every image belongs to the text of its class, and that text to the four images of it.
    assert sorted(data.pairs[:, 0].tolist()) == list(range(12))
    assert data.pairs[:, 1].bincount().tolist() == [4, 4, 4]
    train(recipe, out=tmp_path / "run", steps=2)
    measures = pd.read_csv(tmp_path / "run" / "measures.csv")
    assert list(measures["measure"])[:2] == ["zero-shot accuracy, caption", "recall@1, image to text"]
    with pytest.raises(ValueError, match="needs a source of its own"):
        Recipe.model_validate({**values, "validation": {"every": "1 epoch"}})


@pytest.mark.parametrize(
    ("words", "due"),
    [("2 steps", [2, 4, 6, 8, 10, 12]), ("1 epoch", [5, 9]), ("2 epochs", [9]), ("5step", [5, 10])],
)
def test_how_often_by_hand(words: str, due: list[int]) -> None:
    # 36 rows, 8 a step: step 5 crosses the first epoch's end at 36 (40 pairs), step 9 ends the second (72).
    every = Every.model_validate(words)
    epochs = [step * 8 / 36 for step in range(13)]
    found = [s for s in range(1, 13) if every.due(s, epoch=epochs[s], epoch_before=epochs[s - 1])]
    assert found == due


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"every": "often"}, "validation.every: expected a number of epochs or steps"),
        ({"every": "0 epochs"}, "validation.every.count"),
        ({"evry": "1 epoch"}, "validation.evry: unknown key"),
    ],
)
def test_recipes_that_cannot_be(tmp_path: Path, change: dict[str, object], message: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump({**RECIPE, "validation": {**PLAN, **change}}))
    with pytest.raises(UserError, match=message):
        load_recipe(str(path))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"where": {"split": ["nowhere"]}}, "no rows are left"),
        ({"zero_shot": {"form": ["{}"]}}, r"no column 'form' \(validation.zero_shot\)"),
        ({"zero_shot": {"shape": ["a thing"]}}, "needs {} once"),
        ({"zero_shot": {"split": ["{}"]}, "where": {"split": ["test"]}}, "1 values among"),
    ],
)
def test_data_that_cannot_be_used_stop_the_run_before_its_first_step(
    images: Path, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        _train(_recipe(**change), images, tmp_path)
    assert not (tmp_path / "checkpoint.pt").exists()
