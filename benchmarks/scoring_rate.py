"""How near scoring comes to the rate of a large matrix product, by the number of prompts.

    python -m benchmarks.scoring_rate [--quick]

Embeddings of 512 numbers, in memory, are asked 8 class designs that share all classes but one, with argmax.
The rate is that of the products alone, 2 x images x prompts x 512, over all that scoring takes: it counts
exponents, sums, predictions and counts as nothing. It is compared with the rate of a 2048-cubed product, in
turns with it. CPU seconds of one thread.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from benchmarks.interleaved_timing import asked_for_quick, report
from probes.scoring.engine import Head, PromptConfiguration, Question, score
from probes.scoring.threshold_lookup import RuleThresholds

DIM, DESIGNS, CELLS, SIDE = 512, 8, 6, 2048
PROMPTS = (12, 64, 256, 1024)
IMAGES, ROUNDS = 1 << 15, 5


def designs(classes: int) -> list[PromptConfiguration]:
    """Each has all classes, and one more of its own."""
    found = []
    for number in range(DESIGNS):
        names = sorted([*(f"word {i:05}" for i in range(classes - 1)), "criminal", f"zzz {number}"])
        # "criminal" stands first; the class of its own is the last.
        columns = np.array([*range(classes), classes + number])
        found.append(
            PromptConfiguration(
                key=("p", str(number), "t"),
                classes=tuple(names),
                columns=columns,
                sets={"harm": ["criminal"]},
            )
        )
    return found


def unit(rows: int, seed: int) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(size=(rows, DIM)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def cpu_seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    quick = asked_for_quick(__doc__)
    n = 4096 if quick else IMAGES
    torch.set_num_threads(1)  # the engine takes as many threads as torch
    images, cells = unit(n, 0), np.random.default_rng(1).integers(0, CELLS, n)
    square = np.random.default_rng(2).normal(size=(SIDE, SIDE)).astype(np.float32)
    question = Question(rules=[RuleThresholds.of("argmax")], outcomes={"harm": "harm"})
    lines = []
    with threadpool_limits(limits=1):
        for classes in PROMPTS:
            prompts = classes + DESIGNS
            texts, asked = unit(prompts, 3), designs(classes)
            ratios, times = [], []
            for _ in range(2 if quick else ROUNDS):
                product = 2 * SIDE**3 / cpu_seconds(lambda: square @ square)
                seconds = cpu_seconds(
                    lambda texts=texts, asked=asked: score(
                        images,
                        texts,
                        asked,
                        cells=cells,
                        n_cells=CELLS,
                        head=Head(scale=100.0),
                        question=question,
                    )
                )
                times.append(seconds)
                ratios.append(2 * n * prompts * DIM / seconds / product)
            lines.append(
                (
                    f"{prompts:,}",
                    f"{1e6 * statistics.median(times) / n:.2f}",
                    f"{statistics.median(ratios):.2f}",
                )
            )
    report(
        None if quick else "scoring_rate",
        f"Scoring of {n:,} embeddings under {DESIGNS} class designs, beside a matrix product",
        header=("prompts", "CPU microseconds an image", "rate, of that of a 2048-cubed product"),
        lines=lines,
        notes=[
            "All of scoring is counted against the products alone. With few prompts the product of an image "
            "is shorter than its exponents, sums and counts."
        ],
    )


if __name__ == "__main__":
    main()
