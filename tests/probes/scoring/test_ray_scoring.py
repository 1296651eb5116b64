"""Scoring by tasks: the counts, bits and ranks of the plain path; tasks run here, in a stand-in for Ray."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from clipmodel.errors import UserError
from probes.datasets.formats.table import TableDataset
from probes.embeddings.folder import FolderDataset, part_path
from probes.embeddings.parts import make_part, prepare
from probes.scoring import ray_scoring
from probes.scoring.design_scores import Head
from probes.scoring.engine import PromptConfiguration, Question, score
from probes.scoring.outcome_bits import OutcomeBits
from probes.scoring.ray_scoring import RayScorer, ranges
from probes.scoring.threshold_lookup import RuleThresholds
from probes.scoring.threshold_ranks import RankLog
from tests.probes.conftest import FakeModel

CHUNK = 16
QUESTION = Question(
    rules=[RuleThresholds.of("argmax"), RuleThresholds.of("probability", [0.2, 0.4])],
    curve=np.linspace(0, 1, 5), outcomes={"harmful": "harm"},
)  # fmt: skip


class Tasks:
    """What the scorer uses of Ray: each task is pickled, as Ray does, and runs when it is waited for."""

    def __init__(self) -> None:
        self.held = self.most_held = 0

    def remote(self, **_: Any) -> Callable[[Callable[..., Any]], Any]:
        tasks = self

        class Remote:
            def __init__(self, work: Callable[..., Any]) -> None:
                self.work = work

            def remote(self, *arguments: Any) -> Any:
                tasks.held += 1
                tasks.most_held = max(tasks.most_held, tasks.held)
                return Handle(pickle.dumps((self.work, arguments)))

        return Remote

    def put(self, value: object) -> object:
        return value

    def wait(self, handles: list[Handle], *, num_returns: int) -> tuple[list[Handle], list[Handle]]:
        # The last one first: the order in which tasks end must not matter.
        assert num_returns == 1
        return handles[-1:], handles[:-1]

    def get(self, handle: Handle) -> Any:
        self.held -= 1
        work, arguments = pickle.loads(handle.pickled)
        return work(*arguments)


class Handle:
    def __init__(self, pickled: bytes) -> None:
        self.pickled = pickled


@pytest.fixture
def case() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    images, classes = rng.normal(size=(137, 8)), rng.normal(size=(4, 8))
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (images, classes)]
    configurations = [
        PromptConfiguration(key=("p", str(n), "t"), classes=("a", "b", "c"), columns=np.array(columns),
                            sets={"harm": ["c"]})
        for n, columns in enumerate([[0, 1, 2], [0, 1, 3]])
    ]  # fmt: skip
    return {
        "images": unit[0].astype(np.float32), "class_embeddings": unit[1].astype(np.float32),
        "configurations": configurations, "cells": rng.integers(0, 5, 137), "n_cells": 5,
        "head": Head(scale=10.0), "question": QUESTION,
    }  # fmt: skip


def logs() -> tuple[OutcomeBits, RankLog]:
    thresholds = {rule.name: rule.thresholds.tolist() for rule in QUESTION.rules}
    bits = OutcomeBits(137, keys=[("0", "t"), ("1", "t")], thresholds=thresholds, outcomes=["harmful"])
    ranks = RankLog(137, n_specifications=2, rules=QUESTION.rules, curve=QUESTION.curve, inverted=[False])
    return bits, ranks


def test_ranges_together_are_the_whole(case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_scoring, "CHUNK_IMAGES", CHUNK)
    own, other = logs(), logs()
    tasks = Tasks()
    found = RayScorer(ray=tasks, workers=1)(**case, log=own[0], ranks=own[1])
    plain = score(**case, log=other[0], ranks=other[1], chunk=CHUNK)
    # 137 images are 9 chunks, a range takes 2 of them, and two ranges are under way at a time.
    assert len(ranges(137, workers=1)) == 5 and tasks.most_held == 2
    for one, two in zip(found, plain, strict=True):
        assert one.events == two.events
        np.testing.assert_array_equal(one.curve, two.curve)
        for rule in two.hits:
            np.testing.assert_array_equal(one.hits[rule], two.hits[rule])
        for rule in two.pairs:
            np.testing.assert_array_equal(one.pairs[rule], two.pairs[rule])
    np.testing.assert_array_equal(own[0].characters, other[0].characters)
    assert own[0].characters.any() and own[1].ranks.keys() == other[1].ranks.keys()
    for name, ranks in other[1].ranks.items():
        np.testing.assert_array_equal(own[1].ranks[name], ranks)


@pytest.mark.parametrize(("n", "workers"), [(0, 2), (1, 2), (4096, 1), (4097, 1), (2_000_000, 3)])
def test_ranges_cover_all_images_and_end_where_chunks_do(n: int, workers: int) -> None:
    found = ranges(n, workers=workers)
    assert [place.start for place in found[1:]] == [place.stop for place in found[:-1]]
    assert (found[0].start, found[-1].stop) == (0, n)
    assert all(place.start % ray_scoring.CHUNK_IMAGES == 0 for place in found)
    assert max(place.stop - place.start for place in found) <= ray_scoring.RANGE_IMAGES


def test_a_task_reads_and_verifies_its_own_rows_of_a_folder(
    case: dict[str, Any], write_table: Callable[[pd.DataFrame], Path], model: FakeModel, tmp_path: Path
) -> None:
    colours = ["red", "green", "blue", "red", "green", "blue"]
    paths = [f"{number}.png" for number in range(6)]
    people = TableDataset(write_table(pd.DataFrame({"path": paths, "colour": colours})))
    folder = tmp_path / "embeddings"
    job = prepare(folder, people, model, part_images=4)
    for number in range(job.n_parts):
        make_part(folder, job, number, dataset=people, model=model)
    told = case | {
        "images": FolderDataset(folder).embedded(np.arange(6)).vectors,
        "cells": np.zeros(6, np.int64), "n_cells": 1,
        "class_embeddings": np.eye(4, 3, dtype=np.float32),
    }  # fmt: skip
    plain = score(**told)
    found = RayScorer(ray=Tasks(), workers=1)(**told)
    np.testing.assert_array_equal(found[0].hits["argmax"], plain[0].hits["argmax"])
    part = part_path(folder, 1)
    part.write_bytes(part.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match="damaged"):
        RayScorer(ray=Tasks(), workers=1)(**told)


def test_a_device_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="'cuda'"):
        RayScorer(ray=Tasks(), workers=1)(**case, device="cuda")
