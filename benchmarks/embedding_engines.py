"""Embedding by Ray and torchrun beside the plain path: the same bytes, also if a worker is killed.

    python -m benchmarks.embedding_engines                 # each engine 10 times, a worker killed each time
    python -m benchmarks.embedding_engines --kills 2 --engine ray
    python -m benchmarks.embedding_engines --hosts         # Ray on two hosts, as root of a Linux

Images of a table are embedded into a folder, whose every file must be that of the plain path; so must the
audit of the folder be. A worker is killed as soon as a first part is finished, after a wait that is drawn.
Two hosts are two network namespaces of this machine with a wire between them and no other network: each has
a node of Ray, and both must embed.
"""

from __future__ import annotations

import argparse
import os
import random
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from benchmarks.kill_resume import descendants
from benchmarks.recorded_lines import record
from benchmarks.woman_or_man import LABEL_SETS

IMAGES, PART_IMAGES, KILLS, WORKERS = 4096, 64, 10, 2
MARKS = {"ray": "ray::MapWorker", "torchrun": "audit.cli embed"}
HOSTS = {"clipaudit-a": "10.77.0.1", "clipaudit-b": "10.77.0.2"}
PORT = 6399
HEADER = ("engine", "runs", "same bytes", "same audit.json", "seconds", "what happened")
SUITE = (
    "suite: engines\ndata: table:people.csv\n"
    + LABEL_SETS
    + """\
probes:
  - name: gender
    truth: gender
    label_set: own
    rules: [argmax]
    groups: [[race]]
    outcomes: {misclassified: {}}
"""
)


@dataclass(frozen=True, kw_only=True)
class Place:
    """A folder with images and a suite, and how commands are run there.

    Attributes
    ----------
    before
        Words before every command, such as those that enter a network namespace.
    environment
        Beside this process's own.
    """

    folder: Path
    before: Sequence[str] = ()
    environment: tuple[tuple[str, str], ...] = ()

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        root = str(Path(__file__).resolve().parents[1])
        told = {"PYTHONPATH": root, "OMP_NUM_THREADS": "1", "CLIP_AUDIT_CACHE": str(self.folder / "cache")}
        return subprocess.Popen(
            [*self.before, sys.executable, "-m", "audit.cli", *words], cwd=self.folder,
            env=os.environ | told | dict(self.environment),
            stdout=subprocess.DEVNULL, stderr=(self.folder / "stderr.txt").open("ab"),
        )  # fmt: skip

    def embed(self, out: str, engine: str) -> subprocess.Popen[bytes]:
        many = [] if engine == "local" else ["--workers", str(WORKERS)]
        return self.start(
            "embed", "table:people.csv", "--part-images", str(PART_IMAGES), "--out", out, "--engine", engine,
            *many,
        )  # fmt: skip

    def audit(self, embeddings: str) -> bytes:
        out = f"audit of {embeddings}"
        if self.start("run", "suite.yaml", "--data", f"embeddings:{embeddings}", "--out", out).wait():
            raise RuntimeError(f"the audit of {embeddings} failed: see {self.folder / 'stderr.txt'}")
        return (self.folder / out / "audit.json").read_bytes()

    def bytes_of(self, name: str) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted((self.folder / name).iterdir())}


def write_images(folder: Path, n: int) -> None:
    rng = np.random.default_rng(0)
    (folder / "images").mkdir()
    for number in range(n):
        pixels = rng.integers(0, 256, (48, 48, 3), np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"{number}.png", compress_level=1)
    pd.DataFrame(
        {
            "path": [f"images/{number}.png" for number in range(n)],
            "gender": rng.choice(["woman", "man"], n),
            "race": rng.choice(["a", "b", "c"], n),
        }
    ).to_csv(folder / "people.csv", index=False)
    (folder / "images" / "17.png").write_bytes(b"no image")
    (folder / "suite.yaml").write_text(SUITE, encoding="utf-8")


def command_line(number: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{number}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def workers_of(process: subprocess.Popen[bytes], engine: str) -> list[int]:
    """The processes that embed; torchrun's own is none."""
    lines = {number: command_line(number) for number in descendants(process.pid)}
    return [n for n, line in lines.items() if MARKS[engine] in line and "distributed" not in line]


def killed_run(place: Place, engine: str, out: str, *, wait: float) -> str:
    """Embed, with one worker killed; what happened in a few words."""
    process = place.embed(out, engine)
    victim = None
    while process.poll() is None and victim is None:
        if any((place.folder / out).glob("part-*.json")) and (found := workers_of(process, engine)):
            time.sleep(wait)
            victim = random.Random(wait).choice(found)
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
        time.sleep(0.02)
    if process.wait():
        return "failed"
    return "finished before a kill" if victim is None else "killed"


def ordeal(place: Place, engine: str, *, kills: int, seed: int) -> None:
    """Kill a worker so many times and write the line of the engine."""
    rng, expected, audit = random.Random(seed), place.bytes_of("local"), place.audit("local")
    same, same_audit, told, began = 0, 0, [], time.perf_counter()
    for number in range(kills):
        out = f"{engine} {number}"
        told.append(killed_run(place, engine, out, wait=rng.uniform(0, 1.5)))
        same += place.bytes_of(out) == expected
        same_audit += place.audit(out) == audit
        print(engine, number + 1, told[-1], f"{time.perf_counter() - began:.0f} s", flush=True)
        shutil.rmtree(place.folder / out)
    seconds = f"{(time.perf_counter() - began) / kills:.0f} a run and its audit"
    words = ", ".join(f"{told.count(word)} {word}" for word in dict.fromkeys(told))
    _record((engine, str(kills), str(same), str(same_audit), seconds, words))


@contextmanager
def two_hosts() -> Iterator[None]:
    """Two network namespaces and a wire; removed at the end, with all processes in them."""
    first, second = HOSTS
    for command in (
        *(f"netns add {name}" for name in HOSTS),
        f"link add ca0 netns {first} type veth peer name cb0 netns {second}",
        f"-n {first} addr add {HOSTS[first]}/24 dev ca0",
        f"-n {second} addr add {HOSTS[second]}/24 dev cb0",
        *(f"-n {name} link set {device} up" for name, device in zip(HOSTS, ("ca0", "cb0"), strict=True)),
        *(f"-n {name} link set lo up" for name in HOSTS),
    ):
        subprocess.run(["ip", *command.split()], check=True)
    try:
        yield
    finally:
        for name in HOSTS:
            told = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True, check=False)
            for number in told.stdout.split():
                with suppress(ProcessLookupError):
                    os.kill(int(number), signal.SIGKILL)
            subprocess.run(["ip", "netns", "del", name], check=False)


def start_node(name: str, scratch: Path, words: Sequence[str], secret: tuple[tuple[str, str], ...]) -> None:
    ray = [sys.executable, "-c", "from ray.scripts.scripts import main; main()", "start"]
    told = {"RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    subprocess.run(
        ["ip", "netns", "exec", name, *ray, "--node-ip-address", HOSTS[name], *words,
         "--object-store-memory", str(128 << 20)],
        check=True, env=os.environ | told | dict(secret), cwd=scratch, stdout=subprocess.DEVNULL,
    )  # fmt: skip


def on_two_hosts(folder: Path) -> None:
    """Ray with a node in each namespace; both must have had workers."""
    first, second = HOSTS
    with two_hosts(), tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as scratch:
        # The nodes of a cluster and its users share a secret.
        secret = (("RAY_AUTH_MODE", "token"), ("RAY_AUTH_TOKEN", secrets.token_hex(32)))
        # The head has room for one worker, so that the other one runs on the second host.
        head = ["--head", "--port", str(PORT), "--num-cpus", "1", "--include-dashboard", "false"]
        start_node(first, folder, [*head, "--temp-dir", scratch], secret)
        address = f"{HOSTS[first]}:{PORT}"
        start_node(second, folder, ["--address", address, "--num-cpus", "2"], secret)
        enter = ("ip", "netns", "exec", first)
        place = Place(folder=folder, before=enter, environment=(("RAY_ADDRESS", address), *secret))
        seen: set[str] = set()
        began, process = time.perf_counter(), place.embed("hosts", "ray")
        while process.poll() is None:
            for name in HOSTS:
                told = subprocess.run(
                    ["ip", "netns", "pids", name], capture_output=True, text=True, check=True
                )
                if any(MARKS["ray"] in command_line(int(number)) for number in told.stdout.split()):
                    seen.add(name)
            time.sleep(0.1)
        if process.returncode:
            raise RuntimeError(f"embedding on two hosts failed: see {folder / 'stderr.txt'}")
        seconds = time.perf_counter() - began
        same = place.bytes_of("hosts") == place.bytes_of("local")
    alone = Place(folder=folder)
    same_audit = alone.audit("hosts") == alone.audit("local")
    words = f"workers on {len(seen)} of 2 hosts"
    _record(("ray, two hosts", "1", str(int(same)), str(int(same_audit)), f"{seconds:.0f}", words))


def _record(line: tuple[str, ...]) -> None:
    print(*line, sep=" · ")
    record(
        line, header=HEADER, name="embedding_engines",
        title=f"{IMAGES:,} images embedded by engines, beside the plain path",
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--engine", choices=MARKS, action="append", help="default: both")
    parser.add_argument("--hosts", action="store_true", help="Ray on two hosts instead")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="engines-") as scratch:
        folder = Path(scratch)
        write_images(folder, IMAGES)
        if Place(folder=folder).embed("local", "local").wait():
            raise RuntimeError((folder / "stderr.txt").read_text())
        if told.hosts:
            on_two_hosts(folder)
            return
        for engine in told.engine or MARKS:
            ordeal(Place(folder=folder), engine, kills=told.kills, seed=0)


if __name__ == "__main__":
    main()
