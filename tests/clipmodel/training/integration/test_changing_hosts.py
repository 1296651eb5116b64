"""Hosts join a run of torchrun and leave it: agents on this machine play the hosts.

When a host joins, torchrun starts all processes again with the restart counts that their agents had: 0 after
0, or 1 and 0 in one life. Each time the run resumes at its last checkpoint, and in the end its weights are
those of an undisturbed run, but for rounding.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from clipmodel.loading import load_model
from clipmodel.training.loop import train
from clipmodel.training.recipe import Recipe
from tests.clipmodel.training.conftest import RECIPE
from tests.clipmodel.training.support.changing_hosts import HURDLES

ROOT = Path(__file__).parents[4]
SAVE_EVERY, STEPS = 3, 11
PATIENCE_SECONDS = 240.0


@pytest.fixture
def plain() -> Recipe:
    """Without batch norm, whose statistics are those of a process."""
    model: dict[str, Any] = RECIPE["model"]  # type: ignore[assignment]
    vision = {**model["vision"], "stem_channels": []}
    changed = {"steps": STEPS, "save_every": SAVE_EVERY, "model": {**model, "vision": vision}}
    return Recipe.model_validate({**RECIPE, **changed})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start_host(port: int, folder: Path, images: Path, *, first: bool) -> subprocess.Popen[str]:
    """An agent. The address of a joining one sorts before that of the first, whose place it takes so."""
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nnodes", "1:2", "--nproc-per-node", "1",
        "--max-restarts", "2", "--monitor-interval", "0.2", "--rdzv-backend", "c10d", "--rdzv-id", "test",
        "--rdzv-endpoint", f"localhost:{port}", "--local-addr", "localhost" if first else "127.0.0.1",
        "--rdzv-conf",
        # is_host: who holds the store of the rendezvous; on one machine, torchrun would take both for it. On
        # a busy machine a second without a sign of life is no death.
        f"last_call_timeout=3,keep_alive_interval=2,keep_alive_max_attempt=5,is_host={int(first)}",
        "-m", "tests.clipmodel.training.support.changing_hosts",
        str(folder / "recipe.json"), str(images), str(folder),
    ]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    # With a shared store, torch 2.13 never tells a joining host where the first one is.
    environment["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"
    with (folder / f"host {time.monotonic()}").open("w") as told:
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=told, stderr=told, text=True)


def kill(host: subprocess.Popen[str], folder: Path) -> None:
    """SIGKILL to an agent and its process, as when a machine goes down."""
    if host.poll() is not None:
        return
    host.kill()
    host.wait()
    # The latest alone: processes of an earlier life are gone, and their numbers may be another's.
    lives = sorted(folder.glob(f"process * of {host.pid}"), key=lambda file: file.stat().st_mtime_ns)
    for file in lives[-1:]:
        with suppress(ProcessLookupError):
            os.kill(int(file.name.split()[1]), signal.SIGKILL)


def wait_for(condition: Callable[[], bool], folder: Path) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > end:
            told = "\n".join(path.read_text()[-2000:] for path in folder.glob("host *"))
            raise AssertionError(f"nothing came of it in {PATIENCE_SECONDS:g} seconds\n{told}")
        time.sleep(0.05)


def steps(folder: Path) -> list[tuple[int, int, int]]:
    """Processes, restart count and step of each step."""
    file = folder / "steps"
    lines = file.read_text().splitlines() if file.exists() else []
    return [(int(size), int(life), int(step)) for size, life, step in map(str.split, lines)]


@pytest.mark.slow
def test_hosts_that_join_and_leave_cost_the_steps_since_the_last_checkpoint(
    plain: Recipe, images: Path, tmp_path: Path
) -> None:
    (tmp_path / "recipe.json").write_text(plain.model_dump_json())
    port, hosts = free_port(), []
    try:
        for number, (size, count) in enumerate(HURDLES):
            # A host begins, another one joins, and that one is gone again.
            if number < 2:
                hosts.append(start_host(port, tmp_path, images, first=number == 0))
            else:
                kill(hosts[1], tmp_path)
            wait_for(lambda at=(size, count, HURDLES[size, count]): at in steps(tmp_path), tmp_path)
        hosts.append(start_host(port, tmp_path, images, first=False))
        wait_for(lambda: hosts[0].poll() is not None, tmp_path)
    finally:
        for host in hosts:
            kill(host, tmp_path)
    assert hosts[0].returncode == 0
    # Checkpoints are of steps 3, 6 and 9. The restart count is that of the first host: of the joining one, 0.
    lives = [(1, 0, range(1, 6)), (2, 0, range(4, 9)), (1, 1, range(7, 11)), (2, 0, range(10, STEPS + 1))]
    assert steps(tmp_path) == [(size, count, step) for size, count, own in lives for step in own]
    train(plain, out=tmp_path / "whole", resolve=lambda _: [images])
    found, whole = (load_model(tmp_path / name / "model").clip.state_dict() for name in ("out", "whole"))
    for name, value in whole.items():
        # Adam's first steps divide tiny gradients by themselves, and so their rounding errors too.
        assert (found[name] - value).abs().max() < 1e-3, name
