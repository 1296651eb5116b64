"""How near scoring comes to the rate of a large matrix product, and what takes the rest of its time.

    python -m benchmarks.scoring_rate [--quick]

Embeddings of 512 numbers are asked 8 class designs, which share all classes but one, so that there are 8
times as many scores of classes as prompts, or have classes of their own. The rule is argmax, or probability
with three thresholds. The embeddings are an array of 32 bits, or a folder of parts of 16 bits, which are read
and widened chunk by chunk; the checksums of the parts are verified before.

The rate is that of the products alone, 2 x images x prompts x 512, over all that scoring takes: exponents,
sums, predictions, counts and reading count as nothing. It is compared with the rate of a 2048-cubed product,
in turns with it. CPU seconds of one thread.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from benchmarks.embedding_folder import PART, generate
from benchmarks.interleaved_timing import asked_for_quick, report
from probes.embeddings.folder import part_path
from probes.embeddings.part_rows import PartRows
from probes.scoring.design_scores import Head
from probes.scoring.engine import CHUNK_IMAGES, PromptConfiguration, Question, Rows, score
from probes.scoring.threshold_lookup import RuleThresholds

DIM, DESIGNS, CELLS, SIDE = 512, 8, 6, 2048
PROMPTS = (20, 72, 264, 1032)
IMAGES, ROUNDS = 1 << 15, 5
SHARED, OWN = "all but one shared", "each its own"
RULES = {
    "argmax": RuleThresholds.of("argmax"),
    "probability": RuleThresholds.of("probability", [0.1, 0.5, 0.9]),
}


@dataclass(frozen=True)
class Case:
    """What is asked of which embeddings."""

    prompts: int
    lists: str
    rule: str
    embeddings: str


def cases(kinds: list[str]) -> list[Case]:
    """Every case of embeddings of 32 bits; those of 16 bits differ in reading alone, so argmax suffices."""
    first, *others = kinds
    return [
        *(Case(n, lists, rule, first) for lists in (SHARED, OWN) for rule in RULES for n in PROMPTS),
        *(Case(n, SHARED, "argmax", kind) for kind in others for n in PROMPTS),
    ]


def designs(prompts: int, lists: str) -> list[PromptConfiguration]:
    """All classes but one of its own, "zzz"; or an eighth of the classes."""
    found = []
    for number in range(DESIGNS):
        if lists == SHARED:
            common = prompts - DESIGNS
            columns = np.array([*range(common), common + number])
        else:
            columns = np.arange(number, prompts, DESIGNS)
        names = ("criminal", *(f"word {i:05}" for i in range(len(columns) - 2)), "zzz")
        found.append(
            PromptConfiguration(
                key=("p", str(number), "t"),
                classes=names,
                columns=columns,
                sets={"harm": ["criminal"]},
            )
        )
    return found


def unit(rows: int, seed: int) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(size=(rows, DIM)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def folder_of_halves(folder: Path, n: int) -> PartRows:
    """The embeddings of a folder of 16 bits, as an audit reads them."""
    generate(folder, n)
    paths = [part_path(folder, number) for number in range(-(-n // PART))]
    sums = [json.loads(path.with_suffix(".json").read_text())["sha256"] for path in paths]
    return PartRows(paths, sums, DIM, PART, np.arange(n))


def cpu_seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def read(images: Rows) -> None:
    for start in range(0, len(images), CHUNK_IMAGES):
        images[start : start + CHUNK_IMAGES]


def multiply(images: Rows, texts: np.ndarray) -> None:
    for start in range(0, len(images), CHUNK_IMAGES):
        texts @ images[start : start + CHUNK_IMAGES].T


def measure(case: Case, images: Rows, *, rounds: int) -> tuple[str, ...]:
    """A row of the table: microseconds an image of all, of the parts, and the rate."""
    cells = np.random.default_rng(1).integers(0, CELLS, len(images))
    square = np.random.default_rng(2).normal(size=(SIDE, SIDE)).astype(np.float32)
    texts, asked = unit(case.prompts, 3), designs(case.prompts, case.lists)
    question = Question(rules=[RULES[case.rule]], outcomes={"harm": "harm"})
    work: dict[str, Callable[[], object]] = {
        "square": lambda: square @ square,
        "all": lambda: score(
            images, texts, asked, cells=cells, n_cells=CELLS, head=Head(scale=100.0), question=question
        ),
        "read": lambda: read(images),
        "product": lambda: multiply(images, texts),
    }
    read(images)  # so that files are in the cache of the system, and verified
    seconds = [{name: cpu_seconds(own) for name, own in work.items()} for _ in range(rounds)]
    alone = 2 * len(images) * case.prompts * DIM / (2 * SIDE**3)  # products, in 2048-cubed ones
    each = {name: 1e6 * statistics.median(one[name] for one in seconds) / len(images) for name in work}
    rate = statistics.median(alone * one["square"] / one["all"] for one in seconds)
    product = max(each["product"] - each["read"], 0)
    parts = (each["all"], product, each["read"], each["all"] - product - each["read"])
    return (f"{case.prompts:,}", case.lists, case.rule, case.embeddings, *(f"{part:.2f}" for part in parts),
            f"{rate:.2f}")  # fmt: skip


def main() -> None:
    quick = asked_for_quick(__doc__)
    n = 4096 if quick else IMAGES
    torch.set_num_threads(1)  # the engine takes as many threads as torch
    with threadpool_limits(limits=1), tempfile.TemporaryDirectory() as folder:
        kinds: dict[str, Rows] = {
            "32 bits, in memory": unit(n, 0),
            "16 bits, in a folder": folder_of_halves(Path(folder) / "embeddings", n),
        }
        asked = cases(list(kinds))
        lines = [measure(case, kinds[case.embeddings], rounds=2 if quick else ROUNDS) for case in asked]
    report(
        None if quick else "scoring_rate",
        f"Scoring of {n:,} embeddings under {DESIGNS} class designs, beside a matrix product",
        header=(
            "prompts", "classes of the designs", "rule", "embeddings", "CPU microseconds an image",
            "of it the products", "reading", "all else", "rate, of that of a 2048-cubed product",
        ),
        lines=lines,
        notes=[
            "All of scoring is counted against the products alone. The products are also measured alone, in "
            f"the shape that scoring gives them, prompts x {DIM} by {DIM} x {CHUNK_IMAGES:,}: with few "
            "prompts they are slower than the large product.",
            'What binds: "What binds scoring" in benchmarks/README.md.',
        ],
    )  # fmt: skip


if __name__ == "__main__":
    main()
