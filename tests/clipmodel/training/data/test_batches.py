from __future__ import annotations

import torch

from tests.clipmodel.training.support.streamed_data import stream_data, streamed_recipe


def test_the_parts_of_processes_make_up_the_batch(shards: str) -> None:
    recipe = streamed_recipe(shards, loading={"substreams": 4})
    whole, parts = stream_data(recipe), [stream_data(recipe) for _ in range(2)]
    for step in range(3):
        batch = whole.batch(step)
        halves = [part.batch(step, slice(4 * i, 4 * i + 4)) for i, part in enumerate(parts)]
        assert batch.keys == halves[0].keys + halves[1].keys
        assert torch.equal(batch.pixels, torch.cat([half.pixels for half in halves]))
    # Where both stand is where the whole stands.
    merged = parts[0].state_dict(3)["positions"] | parts[1].state_dict(3)["positions"]
    assert merged == whole.state_dict(3)["positions"]
