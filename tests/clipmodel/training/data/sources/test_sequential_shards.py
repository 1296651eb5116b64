"""Substreams over shards: all once a pass, for any number of shards and substreams; positions are exact."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice

import pytest

from clipmodel.errors import UserError
from clipmodel.training.data.sources.sequential_shards import ShardSource
from clipmodel.training.data.sources.source import Item, Position, Sample, Skipped, Substream


class _Counting:
    """Shards named by their size, such as "b 5"; every `bad`-th sample is skipped."""

    def __init__(self, bad: int = 0) -> None:
        self.bad = bad

    def samples(self, shard: str, *, first: int, keep: Callable[[int], bool]) -> Iterator[tuple[int, Item]]:
        for i in range(first, int(shard.split()[1])):
            if keep(i):
                key = f"{shard[0]}{i}"
                skip = self.bad and i % self.bad == 0
                yield i, Skipped(key, "bad") if skip else Sample(key, b"", ("caption",))


def _source(sizes: list[int], *, block: int = 4, bad: int = 0) -> ShardSource:
    names = [f"{chr(97 + i)} {size}" for i, size in enumerate(sizes)]
    return ShardSource(names, reader=_Counting(bad), block=block)


def _keys(source: ShardSource, substream: Substream, n: int, start: Position | None = None) -> list[str]:
    found = islice(source.stream(substream, start or source.start), n)
    return [item.key for item, _ in found]


def _in_first_pass(source: ShardSource, substream: Substream) -> list[str]:
    """What the substream reads before it begins its second pass, before blocks are shuffled."""
    found = []
    for item, place in source._read(substream, (0, 0, 0)):
        if place[0] > 0:
            return found
        found.append(item.key)
    return found


@pytest.mark.parametrize("substreams", [1, 2, 3, 4, 7, 12])
@pytest.mark.parametrize("sizes", [[30], [20, 20, 20], [13, 29, 8, 17, 24]])
def test_each_pass_has_every_sample_in_one_substream(sizes: list[int], substreams: int) -> None:
    source = _source(sizes)
    shares = [_in_first_pass(source, Substream(number=i, of=substreams, seed=3)) for i in range(substreams)]
    everything = Counter(key for share in shares for key in share)
    assert set(everything.values()) == {1}
    assert len(everything) == sum(sizes)
    if len(set(sizes)) == 1:  # then substreams are of a size, but for some samples at their ends
        lengths = [len(share) for share in shares]
        assert max(lengths) - min(lengths) <= 3


def test_fewer_samples_than_substreams_leave_no_substream_without() -> None:
    source = _source([3])
    for number in range(8):
        assert len(_keys(source, Substream(number=number, of=8, seed=0), 5)) == 5


@pytest.mark.parametrize("taken", range(0, 40, 3))
def test_a_substream_resumes_from_any_position(taken: int) -> None:
    source, substream = _source([7, 5, 9], block=4, bad=3), Substream(number=1, of=2, seed=5)
    whole = [item.key for item, _ in islice(source.stream(substream, source.start), 60)]
    places = [place for _, place in islice(source.stream(substream, source.start), taken)]
    place = places[-1] if places else source.start
    resumed = [
        (item.key, isinstance(item, Skipped)) for item, _ in islice(source.stream(substream, place), 40)
    ]
    used = [key for key, skipped in resumed if not skipped]
    # What was skipped while a block was filled is met again when it is filled again.
    expected = [key for key in whole[taken:] if int(key[1:]) % 3]
    assert used[: len(expected)] == expected[: len(used)]
    assert len(used) > 10


def test_seeds_passes_and_substreams_have_orders_of_their_own() -> None:
    source = _source([40, 40], block=64)
    one, two = (Substream(number=0, of=1, seed=seed) for seed in (1, 2))
    first, other = _keys(source, one, 160), _keys(source, two, 160)
    assert first == _keys(source, one, 160)
    assert first != other
    assert first[:80] != first[80:]


def test_blocks_mix_shards_and_a_block_of_one_keeps_order() -> None:
    substream = Substream(number=0, of=1, seed=0)
    assert _keys(_source([20], block=1), substream, 20) == [f"a{i}" for i in range(20)]
    mixed = _keys(_source([20], block=20), substream, 20)
    assert sorted(mixed) == sorted(f"a{i}" for i in range(20))
    assert mixed != sorted(mixed)


def test_data_without_any_sample_end_in_an_error() -> None:
    with pytest.raises(UserError, match="substream 0 of 1 found no sample in 64 passes"):
        _keys(_source([4], bad=1), Substream(number=0, of=1, seed=0), 10_000)


def test_passes_are_counted() -> None:
    source, substream = _source([6, 6], block=2), Substream(number=0, of=1, seed=0)
    places = [place for _, place in islice(source.stream(substream, source.start), 24)]
    done = [source.passes(place, 1) for place in places]
    assert done == sorted(done)
    assert done[5] == 0.0 and done[11] == pytest.approx(0.5) and 1 <= done[23] < 2
