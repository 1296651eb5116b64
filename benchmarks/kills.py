"""Kill run, compare, report, curate and train 50 times at random moments; their results must be those of
commands left alone, and the next run must leave nothing of the killed ones behind.

    python -m benchmarks.kills [--only run report] [--kills 10]

Every command is a process of its own that gets SIGKILL at a moment drawn over the time it takes when left
alone, from its start to its end. After every few kills it runs to its end, and then every file is compared
with those of the command left alone (but for times in run.json and in report.html), and every name in its
folders with the names there. The folders of temporary files and of embeddings are the command's own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from PIL import Image

from benchmarks.kill_resume import kill, recipe
from benchmarks.recorded_lines import record
from benchmarks.woman_or_man import HARM, LABEL_SETS

KILLS = 10  # a command
IMAGES = 48
TIMED = re.compile(
    rb'"(started|seconds)": [^,\n}]*|\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?( UTC|\+00:00)?|>\s*\d+ s\s*<'
)
HEADER = (
    "command",
    "kills",
    "left alone, s",
    "seconds lived",
    "found after a kill",
    "differs after the next run",
)
TIME_COLUMNS = ("seconds", "images_per_second", "seconds_per_step", "data_seconds")
SUITE = (
    """
suite: killed
data: table:people.csv
thresholds: [0.5]
curve: 11
"""
    + LABEL_SETS
    + """\
probes:
  - name: gender
    truth: gender
    label_set: own
    rules: [argmax, probability]
    groups: [[race]]
    outcomes: {misclassified: {}, crime: {sets: ["harm: crime"]}}
    min_group: 4
"""
)


@dataclass(frozen=True, kw_only=True)
class Killed:
    """A command that is killed.

    Attributes
    ----------
    name
        Of the command.
    arguments
        After `clip-audit`, from the folder it writes into and that of the embeddings.
    prepare
        Puts into the folder what the command starts from.
    check_every
        Kills between two runs to the end, which must clear up after all of them.
    """

    name: str
    arguments: Callable[[Path], list[str]]
    prepare: Callable[[Path], object] = field(default=lambda place: None)
    check_every: int = 10

    def start(self, place: Path, inputs: Path) -> subprocess.Popen[bytes]:
        """In its own folder of temporary files, from the folder of the inputs."""
        scratch = place / "tmp"
        scratch.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(scratch)}
        return subprocess.Popen(
            [sys.executable, "-m", "audit.cli", *self.arguments(place)],
            env=environment | {"PYTHONPATH": str(Path.cwd())},
            cwd=inputs,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def run(self, place: Path, inputs: Path) -> float:
        """To its end; the seconds it took."""
        began = time.perf_counter()
        if code := self.start(place, inputs).wait():
            raise RuntimeError(f"clip-audit {self.name} ended with {code} in {place.name}")
        return time.perf_counter() - began


@dataclass
class Ordeal:
    """What became of one command.

    Attributes
    ----------
    took
        Seconds of the command left alone.
    lives
        Seconds that each killed one had; shorter ones ended before the moment came.
    left
        Names that were there directly after the kills, and not in the folder of the one left alone.
    wrong
        What differed after runs to the end: files, and names that were left over.
    """

    took: float
    lives: list[float] = field(default_factory=list)
    left: set[str] = field(default_factory=set)
    wrong: set[str] = field(default_factory=set)


def files(place: Path) -> dict[str, str]:
    """Every name below a folder with a digest of its content, without what tells the time."""
    found = {}
    for path in sorted(place.rglob("*")):
        name = path.relative_to(place).as_posix()
        if path.is_dir():
            found[name] = "a folder"
        elif path.suffix == ".csv" and path.name == "log.csv":
            table = pd.read_csv(path, dtype=str)
            kept = table.drop(columns=[column for column in TIME_COLUMNS if column in table])
            found[name] = hashlib.sha256(kept.to_csv().encode()).hexdigest()
        else:
            content = path.read_bytes()
            if path.suffix in (".json", ".html", ".md"):
                content = TIMED.sub(b"", content)
            found[name] = hashlib.sha256(content).hexdigest()
    return found


def ordeal(command: Killed, scratch: Path, inputs: Path, *, kills: int, rng: random.Random) -> Ordeal:
    """Run a command alone, then kill another of it again and again, and compare."""
    alone, place = scratch / command.name / "alone", scratch / command.name / "killed"
    for folder in (alone, place):
        folder.mkdir(parents=True)
        command.prepare(folder)
    outcome = Ordeal(took=command.run(alone, inputs))
    expected = files(alone)
    for number in range(1, kills + 1):
        began, process = time.perf_counter(), command.start(place, inputs)
        moment = rng.uniform(0, outcome.took)
        while time.perf_counter() - began < moment and process.poll() is None:
            time.sleep(0.01)
        kill(process)
        outcome.lives.append(time.perf_counter() - began)
        outcome.left |= {Path(name).name for name in set(files(place)) - set(expected)}
        if number % command.check_every == 0 or number == kills:
            command.run(place, inputs)
            found = files(place)
            both = set(found) | set(expected)
            outcome.wrong |= {name for name in both if found.get(name) != expected.get(name)}
            shutil.rmtree(place)  # so that the next ones have something to do
            place.mkdir()
            command.prepare(place)
    return outcome


def inputs_of(folder: Path) -> list[Killed]:
    """Write what the commands read, and name the commands."""
    for number in range(IMAGES):
        pixels = np.random.default_rng(number).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.jpg")
    people = pd.DataFrame(
        {
            "path": [f"{number}.jpg" for number in range(IMAGES)],
            "gender": ["man", "woman"] * (IMAGES // 2),
            "race": ["A", "B", "C"] * (IMAGES // 3),
        }
    )
    people.to_csv(folder / "people.csv", index=False)
    people.assign(prediction="man").to_csv(folder / "v1.csv", index=False)
    people.assign(prediction=["man", "woman", "man", "man"] * (IMAGES // 4)).to_csv(
        folder / "v2.csv", index=False
    )
    (folder / "suite.yaml").write_text(SUITE.lstrip(), encoding="utf-8")
    given = SUITE.replace(HARM, "").replace(', crime: {sets: ["harm: crime"]}', "")
    (folder / "given.yaml").write_text(given.replace(", probability", "").lstrip(), encoding="utf-8")
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe() | {"steps": 16}), encoding="utf-8")
    words = ("red", "green", "house", "river", "man", "woman", "a photo of", "near the")
    rng = random.Random(1)
    captions = [" ".join(rng.choices(words, k=6)) for _ in range(40_000)]
    (folder / "captions.txt").write_text("\n".join(captions) + "\n", encoding="utf-8")
    (folder / "queries.txt").write_text("\n".join(words[:6]) + "\n", encoding="utf-8")
    for name in ("v1", "v2"):
        command = Killed(
            name=name,
            arguments=lambda place, name=name: [
                "run", "given.yaml", "--data", f"predictions:{name}.csv", "--out", str(folder / name)
            ],
        )  # fmt: skip
        command.run(folder / "aside", folder)
    shutil.rmtree(folder / "aside")
    return [
        Killed(
            name="run",
            arguments=lambda place: [
                "run", "suite.yaml", "--out", str(place / "out"), "--cache", str(place / "cache")
            ],
        ),
        Killed(
            name="compare",
            arguments=lambda place: ["compare", "v1", "v2", "--out", str(place / "out")],
        ),
        Killed(
            name="report",
            arguments=lambda place: ["report", str(place / "v1")],
            prepare=lambda place: shutil.copytree(folder / "v1", place / "v1"),
        ),
        Killed(
            name="curate",
            arguments=lambda place: [
                "curate", "select", "captions.txt", "--queries", "queries.txt", "--t", "50",
                "--out", str(place / "out"),
            ],
        ),
        Killed(
            name="train",
            arguments=lambda place: ["train", "recipe.yaml", "--out", str(place / "out")],
        ),
    ]  # fmt: skip


def main() -> None:
    """Read the command line, kill, print and write a line per command; exit code 1 where anything differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", help="these commands")
    parser.add_argument("--kills", type=int, default=KILLS, help="of each command")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args()
    wrong = {}
    with tempfile.TemporaryDirectory() as scratch:
        inputs = Path(scratch) / "inputs"
        inputs.mkdir()
        for command in inputs_of(inputs):
            if options.only and command.name not in options.only:
                continue
            rng = random.Random(f"{options.seed} {command.name}")
            outcome = ordeal(command, Path(scratch), inputs, kills=options.kills, rng=rng)
            wrong |= {command.name: sorted(outcome.wrong)} if outcome.wrong else {}
            line = (
                command.name,
                str(len(outcome.lives)),
                f"{outcome.took:.1f}",
                ", ".join(f"{seconds:.1f}" for seconds in outcome.lives),
                ", ".join(sorted(outcome.left)[:4]) or "nothing",
                ", ".join(sorted(outcome.wrong)) or "nothing",
            )
            print(json.dumps(line), flush=True)
            record(line, header=HEADER, name="kills", title="Commands killed at random moments")
    if wrong:
        raise SystemExit(f"different after the next run: {wrong}")


if __name__ == "__main__":
    main()
