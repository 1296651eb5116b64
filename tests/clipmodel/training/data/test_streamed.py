"""Streamed batches: the same for any number of workers and processes, resumed exactly; skips are limited."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from clipmodel.errors import UserError
from clipmodel.training.data.batches import Batch
from clipmodel.training.data.streamed import stream_pairs
from tests.clipmodel.training.support.made_shards import numbered, write_tar
from tests.clipmodel.training.support.streamed_data import ALONE, damaged_table, stream_data, streamed_recipe


def _same(a: Batch, b: Batch) -> bool:
    return a.keys == b.keys and torch.equal(a.pixels, b.pixels) and torch.equal(a.tokens, b.tokens)


def test_a_batch_is_images_with_their_captions(shards: str) -> None:
    recipe = streamed_recipe(shards)
    prepared = stream_pairs(recipe, seed=0, world=ALONE)
    batch = prepared.batches.batch(0)
    assert batch.pixels.shape == (8, 3, 32, 32)
    assert batch.ignore is None
    numbers = [int(key.split()[-1]) for key in batch.keys]
    texts = prepared.tokenizer([f"image number {n}" for n in numbers])
    assert torch.equal(batch.tokens, texts[:, : batch.tokens.shape[1]])
    expected = torch.tensor([(n * 7 % 256, n * 31 % 256, n % 256) for n in numbers]).view(8, 3, 1, 1)
    found = _levels(batch.pixels).mean(dim=(2, 3), keepdim=True)
    assert (found - expected).abs().max() < 4  # JPEG rounds its colours


def _levels(pixels: Tensor) -> Tensor:
    mean = torch.tensor((0.48145466, 0.4578275, 0.40821073)).view(3, 1, 1)
    std = torch.tensor((0.26862954, 0.26130258, 0.27577711)).view(3, 1, 1)
    return (pixels * std + mean) * 255


def test_each_pass_over_shards_sees_every_image_once(shards: str) -> None:
    data = stream_data(streamed_recipe(shards, loading={"substreams": 1}))
    keys = [key for step in range(10) for key in data.batch(step).keys]
    assert sorted(keys[:37]) == sorted(keys[37:74]) != keys[:37]
    assert data.epoch(10) == pytest.approx(80 / 37, abs=0.6)  # to the shard: their sizes are not known


@pytest.mark.slow()
def test_workers_do_not_change_the_batches(shards: str) -> None:
    runs = [stream_data(streamed_recipe(shards, loading={"substreams": 4, "workers": n})) for n in (0, 2)]
    for step in range(4):
        assert _same(runs[0].batch(step), runs[1].batch(step))


@pytest.mark.parametrize("stop", [1, 4, 7])
def test_a_run_goes_on_where_it_stood(shards: str, stop: int) -> None:
    whole, begun = (
        stream_data(streamed_recipe(shards, loading={"workers": 0, "substreams": 2})) for _ in range(2)
    )
    expected = [whole.batch(step) for step in range(10)]
    for step in range(stop + 1):
        begun.batch(step)
    # One step back, as when a step is interrupted after its batch was drawn.
    for state, step in ((begun.state_dict(stop + 1), stop + 1), (begun.state_dict(stop), stop)):
        again = stream_data(streamed_recipe(shards))  # takes over the number of substreams
        again.load_state_dict(state)
        assert _same(again.batch(step), expected[step])
        assert _same(again.batch(step + 1), expected[step + 1])


def test_another_number_of_substreams_or_step_is_refused(shards: str) -> None:
    data = stream_data(streamed_recipe(shards, loading={"substreams": 2}))
    data.batch(0)
    other = stream_data(streamed_recipe(shards, loading={"substreams": 4}))
    with pytest.raises(UserError, match="begun with 2 substreams, the recipe now has 4"):
        other.load_state_dict(data.state_dict(1))
    with pytest.raises(ValueError, match="step 5 is not the next one"):
        data.batch(5)


def test_recipes_and_checkpoints_of_earlier_versions_say_lanes(shards: str) -> None:
    data = stream_data(streamed_recipe(shards, loading={"lanes": 2}))
    data.batch(0)
    state = data.state_dict(1)
    earlier = {"step": 1, "lanes": 2, "positions": state["positions"], "tally": state["skipped"]}
    now, then = (stream_data(streamed_recipe(shards, loading={"substreams": 2})) for _ in range(2))
    now.load_state_dict(state)
    then.load_state_dict(earlier)
    assert _same(now.batch(1), then.batch(1))
    assert then.summary(2)["read"] == 16


def test_seeds_differ_and_epochs_are_shuffled_anew(shards: str) -> None:
    one, same, other = (stream_data(streamed_recipe(shards), seed) for seed in (1, 1, 2))
    first = one.batch(0)
    assert _same(first, same.batch(0))
    assert first.keys != other.batch(0).keys


def test_substreams_that_do_not_divide(shards: str) -> None:
    with pytest.raises(UserError, match="batch_size 8, 3 substreams and 1 processes do not divide"):
        stream_data(streamed_recipe(shards, loading={"substreams": 3})).batch(0)


@pytest.mark.slow()
def test_an_error_in_a_worker_reaches_the_user_as_it_is(tmp_path: Path) -> None:
    table = damaged_table(tmp_path, bad=6, good=14)
    data = stream_data(streamed_recipe(table, loading={"max_skipped": 0, "workers": 1}))
    with pytest.raises(UserError) as caught:
        for step in range(10):
            data.batch(step)
    assert "Traceback" not in caught.value.message
    assert "too much of the data cannot be used" in caught.value.message


def test_a_broken_and_an_empty_shard_are_told_and_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = write_tar(tmp_path / "0.tar", numbered(range(8)))
    broken.write_bytes(broken.read_bytes()[:3000])
    (tmp_path / "1.tar").touch()
    write_tar(tmp_path / "2.tar", numbered(range(8, 30)))
    data = stream_data(streamed_recipe(f"{tmp_path}/*.tar", loading={"max_skipped": 3}))
    for step in range(8):
        data.batch(step)
    assert data.skipped.shards == {"shard broken off or damaged": 1, "empty shard": 1}
    assert sum("1.tar: empty shard" in record.message for record in caplog.records) == 1
    strict = stream_data(streamed_recipe(f"{tmp_path}/*.tar"))  # 1 % of a hundred shards is one
    with pytest.raises(UserError, match=r"too much of the data cannot be used: .* 1"):
        for step in range(8):
            strict.batch(step)
