from __future__ import annotations

import sys
from pathlib import Path

import pytest

from clipmodel.errors import UserError
from probes.datasets.formats.table import TableDataset
from probes.embeddings import engines
from probes.embeddings.engines import (
    PartMaker,
    Workplace,
    missing_after,
    run_ray,
    run_torchrun,
    share_of_rank,
)
from probes.embeddings.parts import prepare
from tests.probes.conftest import FakeModel


@pytest.fixture
def place(images: TableDataset, model: FakeModel, tmp_path: Path) -> Workplace:
    job = prepare(tmp_path / "out", images, model, part_images=4)
    return Workplace(folder=tmp_path / "out", job=job, open=lambda: (images, model))


def test_parts_are_made_one_after_another_and_counted(place: Workplace) -> None:
    place.make([0])
    assert missing_after(place) == [1, 2]
    told: list[tuple[str, int, int]] = []
    place.make([1, 2], lambda *words: told.append(words))
    assert told == [("parts", 2, 3), ("parts", 3, 3)] and missing_after(place) == []


def test_no_parts_need_no_model(place: Workplace) -> None:
    def refuse() -> None:
        raise AssertionError("opened for nothing")

    Workplace(folder=place.folder, job=place.job, open=refuse).make([])  # type: ignore[arg-type]


def test_ranks_share_by_the_number_of_the_part() -> None:
    parts = [0, 2, 3, 5, 6]
    shares = [share_of_rank(parts, {"RANK": str(rank), "WORLD_SIZE": "2"}) for rank in range(2)]
    assert shares == [[0, 2, 6], [3, 5]]


def test_a_worker_tells_mistakes_and_skips_what_is_finished(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = PartMaker(place)
    assert worker({"number": [0, 1]}) == {"number": [0, 1], "message": ["", ""], "remedy": ["", ""]}

    def fail(*words: object, **options: object) -> None:
        raise UserError("the disk is full", remedy="make room")

    monkeypatch.setattr(engines, "make_part", fail)
    told = worker({"number": [0, 2]})
    assert (told["message"], told["remedy"]) == (["", "the disk is full"], ["", "make room"])


def test_a_launcher_that_fails_and_a_library_that_is_missing(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Done:
        returncode = 3

    called: list[list[str]] = []
    monkeypatch.setattr(engines.subprocess, "run", lambda words, **options: called.append(words) or Done())
    with pytest.raises(UserError, match="torchrun ended with exit code 3"):
        run_torchrun(["-m", "audit.cli"], workers=2)
    assert called[0][-2:] == ["-m", "audit.cli"] and "2" in called[0]
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match="needs Ray"):
        run_ray(place, [0], workers=1)
