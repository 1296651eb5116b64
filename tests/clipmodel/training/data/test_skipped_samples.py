from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from clipmodel.errors import UserError
from clipmodel.training.data.streamed import UNDECODABLE, StreamData, stream_pairs
from clipmodel.training.distributed import World
from clipmodel.training.recipe import Recipe
from tests.clipmodel.training.conftest import RECIPE
from tests.clipmodel.training.support.made_shards import jpeg, numbered, write_tar

ALONE = World(rank=0, size=1, device=torch.device("cpu"))


MODEL: dict[str, Any] = RECIPE["model"]  # type: ignore[assignment]


STREAMED = {
    **RECIPE,
    "tokenizer": "clip",
    "model": {**MODEL, "text": {**MODEL["text"], "vocab_size": 49408}},
}


def streamed_recipe(
    source: str | list[str], *, loading: dict[str, object] | None = None, **data: object
) -> Recipe:
    options = {"workers": 0, "shuffle": 8, **(loading or {})}
    return Recipe.model_validate({**STREAMED, "data": {"source": source, "loading": options, **data}})


def _data(recipe: Recipe, seed: int = 0) -> StreamData:
    batches = stream_pairs(recipe, seed=seed, world=ALONE).batches
    assert isinstance(batches, StreamData)
    return batches


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Three shards of 12, 9 and 16 images."""
    folder = tmp_path_factory.mktemp("shards")
    for number, (first, last) in enumerate([(0, 12), (12, 21), (21, 37)]):
        write_tar(folder / f"{number}.tar", numbered(range(first, last)))
    return f"{folder}/{{0..2}}.tar"


def _damaged_table(folder: Path, bad: int, good: int) -> str:
    rows = ["image,caption"]
    for n in range(bad + good):
        (folder / f"{n}.jpg").write_bytes(b"no image" if n < bad else jpeg(n))
        rows.append(f"{n}.jpg,number {n}")
    (folder / "table.csv").write_text("\n".join(rows) + "\n")
    return str(folder / "table.csv")


def test_unreadable_images_are_skipped_counted_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = _data(streamed_recipe(_damaged_table(tmp_path, bad=3, good=17)))
    keys = [key for step in range(2) for key in data.batch(step).keys]
    assert len(set(keys)) == 16
    assert not any(Path(key).stem in {"0", "1", "2"} for key in keys)
    assert data.skipped.read == 16
    assert 2 <= data.skipped.samples["image damaged or of no known format"] <= 3
    assert any("image damaged" in record.message and ".jpg" in record.message for record in caplog.records)


def test_the_account_of_what_was_skipped_goes_on_with_the_run(tmp_path: Path) -> None:
    broken = write_tar(tmp_path / "0.tar", numbered(range(8)))
    broken.write_bytes(broken.read_bytes()[:3000])
    bad = [("bad", {"jpg": b"no image", "txt": "an image"}), ("dumb", {"jpg": jpeg(1)})]
    write_tar(tmp_path / "1.tar", [*numbered(range(8, 30)), *bad])
    recipe = streamed_recipe(f"{tmp_path}/*.tar", loading={"max_skipped": 90})
    whole, begun, again = _data(recipe), _data(recipe), _data(recipe)
    for step in range(12):
        whole.batch(step)
    for step in range(7):
        begun.batch(step)
    again.load_state_dict(begun.state_dict(6))  # one step back, as when a step is interrupted
    for step in range(6, 12):
        again.batch(step)
    summary = whole.summary(12)
    assert again.summary(12) == summary
    assert summary["read"] == 12 * 8
    # In every pass over 22 or more good images; the shard once.
    assert all(3 <= summary["samples"].pop(reason) <= 5 for reason in (UNDECODABLE, "no caption"))
    assert summary == {"read": 96, "samples": {}, "shards": {"shard broken off or damaged": 1}, "rows": {}}


def test_rows_that_were_left_out_for_good_are_in_the_account(tmp_path: Path) -> None:
    table = Path(_damaged_table(tmp_path, bad=0, good=9))
    table.write_text(table.read_text() + "9.jpg\n")
    summary = _data(streamed_recipe(str(table), loading={"max_skipped": 1})).summary(0)
    assert summary["rows"] == {"row with another number of fields": 1}
    assert summary["read"] == 0


@pytest.mark.parametrize(("limit", "skips"), [(0, 1), (2, 3), (0.001, 2)])
def test_too_many_unreadable_images_stop_the_run(tmp_path: Path, limit: float, skips: int) -> None:
    table = _damaged_table(tmp_path, bad=6, good=14)
    data = _data(streamed_recipe(table, loading={"max_skipped": limit}))
    with pytest.raises(UserError, match=f"no known format {skips}, beside .*the last is .*jpg") as caught:
        for step in range(10):
            data.batch(step)
    assert "data.loading.max_skipped" in str(caught.value)
