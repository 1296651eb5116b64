"""Killed at any moment, on a full disk, by a loss that is not finite: what was saved is whole, and named."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clipmodel.errors import UserError
from clipmodel.loading import LoadedModel, load_model
from clipmodel.training import loop
from clipmodel.training.callbacks import StepReport
from clipmodel.training.loop import train
from clipmodel.training.recipe import Recipe

ROOT = Path(__file__).parents[4]
SAME = ("step", "loss", "learning_rate", "logit_scale", "epoch")  # in the log; the others are times


def _train(recipe: Recipe, images: Path, out: Path, **kwargs: Any) -> LoadedModel:
    return train(recipe, out=out, resolve=lambda _: [images], **kwargs)


def _log(out: Path) -> list[tuple[str, ...]]:
    rows = csv.DictReader(io.StringIO((out / "log.csv").read_text()))
    return [tuple(row[name] for name in SAME) for row in rows]


@pytest.mark.slow
def test_killed_again_and_again_it_ends_with_the_same_weights(
    recipe: Recipe, images: Path, tmp_path: Path
) -> None:
    longer = recipe.model_copy(update={"steps": 40, "save_every": 4})
    whole = _train(longer, images, tmp_path / "whole")
    (tmp_path / "recipe.json").write_text(longer.model_dump_json())
    command = [sys.executable, "-m", "tests.clipmodel.training.support.killed_process"]
    files = [tmp_path / "recipe.json", images, tmp_path / "killed"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    told = subprocess.run(
        [*command, *map(str, files), "0"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    *killed, last = json.loads(told.stdout)
    assert set(killed) == {-signal.SIGKILL}
    assert len(killed) >= 4  # the traps; the random ones may come too late
    assert last == 0
    assert load_model(tmp_path / "killed" / "model").fingerprint == whole.fingerprint
    assert _log(tmp_path / "killed") == _log(tmp_path / "whole")
    assert [row[0] for row in _log(tmp_path / "killed")] == [str(step) for step in range(1, 41)]


class _Dropout(loop.Encoders):
    """Encoders that drop pixels, from the global random state."""

    def forward(self, pixels: Tensor, tokens: Tensor) -> tuple[Tensor, ...]:
        return super().forward(F.dropout(pixels, 0.2), tokens)


def test_dropout_goes_on_with_the_draws_it_would_have_made(
    recipe: Recipe, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = _train(recipe, images, tmp_path / "plain")
    monkeypatch.setattr(loop, "Encoders", _Dropout)
    whole = _train(recipe, images, tmp_path / "whole")
    _train(recipe, images, tmp_path / "parts", steps=5)
    torch.rand(17)  # whoever else draws in between
    assert _train(recipe, images, tmp_path / "parts").fingerprint == whole.fingerprint
    assert whole.fingerprint != plain.fingerprint


def test_the_log_is_written_step_by_step_and_later_steps_are_done_again(
    recipe: Recipe, images: Path, tmp_path: Path
) -> None:
    whole, lines = tmp_path / "whole", []
    _train(recipe, images, whole, hooks=[lambda report: lines.append(len(_log(whole)))])
    assert lines == list(range(1, 13))
    parts = tmp_path / "parts"
    _train(recipe, images, parts, steps=5)
    with (parts / "log.csv").open("a") as file:
        file.write("6,9.9,0.1,14,1.3,100,0\n7,9.")  # of steps after the checkpoint, the last one torn
    _train(recipe, images, parts)
    assert _log(parts) == _log(whole)


class _FullDisk(io.FileIO):
    room = 20_000

    def write(self, data: Any) -> int:
        self.room -= len(memoryview(data).cast("B"))
        if self.room < 0:
            raise OSError(28, "No space left on device")
        return super().write(data)


@pytest.mark.parametrize("room", [0, 20_000])
def test_a_full_disk_leaves_the_checkpoint_before(
    recipe: Recipe, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    whole = _train(recipe, images, tmp_path / "whole")
    out, opened = tmp_path / "out", Path.open
    _train(recipe, images, out, steps=3)
    before = (out / "checkpoint.pt").read_bytes()
    assert len(before) > 20_000

    def full(path: Path, *args: Any, **kwargs: Any) -> Any:
        if path.name == "checkpoint.pt.draft":
            file = _FullDisk(path, "w")
            file.room = room
            return file
        return opened(path, *args, **kwargs)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(
        UserError, match=r"the checkpoint of step 6 cannot be written \(No space left"
    ) as caught:
        _train(recipe, images, out)
    assert "the same command" in str(caught.value.remedy)
    assert (out / "checkpoint.pt").read_bytes() == before
    assert not list(out.glob("*.draft"))
    monkeypatch.undo()
    assert _train(recipe, images, out).fingerprint == whole.fingerprint


def test_a_log_that_cannot_be_written_names_the_checkpoint(
    recipe: Recipe, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(report: StepReport) -> None:
        if report.step == 5:
            raise OSError(28, "No space left on device", "log.csv")

    with pytest.raises(UserError, match=r"log\.csv: No space left.* at step 5; the last good .*after step 3"):
        _train(recipe, images, tmp_path, hooks=[full])


def test_a_real_disk_that_is_full(recipe: Recipe, images: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this user cannot mount a small disk")
    try:
        _train(recipe, images, disk / "run", steps=3)
        before = (disk / "run" / "checkpoint.pt").read_bytes()
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        (disk / "filler").write_bytes(bytes(max(0, free - len(before) // 2)))
        with pytest.raises(UserError, match="No space left on device"):
            _train(recipe, images, disk / "run")
        assert (disk / "run" / "checkpoint.pt").read_bytes() == before
        (disk / "filler").unlink()
        whole = _train(recipe, images, tmp_path / "whole")
        assert _train(recipe, images, disk / "run").fingerprint == whole.fingerprint
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def _wild(recipe: Recipe, images: Path, out: Path, *, steps: int, break_weights: bool) -> UserError:
    """The error of a run in which something goes wrong with the weights after step 4."""
    found: list[nn.Parameter] = []
    kept = loop.Encoders.forward

    def forward(self: loop.Encoders, pixels: Tensor, tokens: Tensor) -> tuple[Tensor, ...]:
        found[:] = [self.clip.text.ln_final.weight]
        return kept(self, pixels, tokens)

    def spoil(report: StepReport) -> None:
        if report.step == steps:
            found[0].data.fill_(float("nan") if break_weights else float("inf"))

    with pytest.MonkeyPatch.context() as patched, pytest.raises(UserError) as caught:
        patched.setattr(loop.Encoders, "forward", forward)
        _train(recipe, images, out, hooks=[spoil])
    return caught.value


def test_a_loss_that_is_not_finite_names_step_batch_and_checkpoint(
    recipe: Recipe, images: Path, tmp_path: Path
) -> None:
    error = _wild(recipe, images, tmp_path, steps=4, break_weights=True)
    assert error.message.startswith("the loss is nan at step 5; the last good checkpoint is ")
    assert f"{tmp_path / 'checkpoint.pt'}, after step 3" in error.message
    keys = (tmp_path / "not-finite.txt").read_text().splitlines()
    assert len(keys) == 8
    data = loop.prepare_data(recipe, [images], seed=0).batches
    assert keys == [f"images.parquet, row {row}" for row in data.rows(4)]  # 36 rows, all before the others
    assert "; ".join(keys[:5]) in error.message


def test_weights_that_are_not_finite_are_not_saved(recipe: Recipe, images: Path, tmp_path: Path) -> None:
    error = _wild(recipe, images, tmp_path, steps=6, break_weights=True)
    assert error.message.startswith("the weights are not finite after step 6; the last good checkpoint is ")
    assert "after step 3" in error.message
    steps: list[int] = []
    _train(recipe, images, tmp_path, hooks=[lambda report: steps.append(report.step)])
    assert steps == list(range(4, 13))


def test_a_first_step_that_fails_says_that_there_is_no_checkpoint(
    recipe: Recipe, images: Path, tmp_path: Path
) -> None:
    wild = recipe.model_copy(update={"optim": recipe.optim.model_copy(update={"peak_learning_rate": 1e30})})
    with pytest.raises(UserError, match=r"the loss is nan at step \d; there is no checkpoint yet"):
        _train(wild, images, tmp_path)
