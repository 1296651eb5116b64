"""Speed and memory of the scoring engine, beside the same audit one design at a time through fairlearn.

The case: images x 512 dimensions in a store, 64 class designs of 21 classes (20 shared, one of their own),
argmax and 101 thresholds for every class and four sets, 14 groups. `python -m benchmarks.engine_speed` runs
100,000 images; `--times 10` ten times as many, and no comparison. The public way is measured for one design
and a few thresholds and multiplied: all of it would take hours.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

IMAGES, DIM, DESIGNS, SHARED, GROUPS, POINTS = 100_000, 512, 64, 20, 14, 101
SHARD = 1024
SETS = {"identity": slice(0, 14), "crime": slice(14, 17), "non-human": slice(17, 20), "harm": slice(14, 20)}
SAMPLED_THRESHOLDS = 3
SCALE = 100.0
SPACE = "benchmark"


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def classes() -> np.ndarray:
    """[84, D]: the shared classes and one more for each design, around a common direction as CLIP's are."""
    rng = np.random.default_rng(0)
    common = rng.normal(size=(1, DIM))
    return unit(common + 0.8 * rng.normal(size=(SHARED + DESIGNS, DIM)))


def fill_store(root: Path, n: int) -> None:
    from probes.embeddings.embed import EmbeddingStore

    store, rng, own = EmbeddingStore(root), np.random.default_rng(1), classes()
    for start in range(0, n, SHARD):
        near = own[rng.integers(0, len(own), SHARD)]
        images = unit(0.25 * near + unit(rng.normal(size=(SHARD, DIM))))
        keys = [f"{i:064x}" for i in range(start, min(start + SHARD, n))]
        store.add(SPACE, keys, images[: len(keys)])


def groups(n: int) -> np.ndarray:
    return np.random.default_rng(2).integers(0, GROUPS, n)


def engine(root: Path, n: int) -> None:
    from probes.embeddings.embed import EmbeddingStore
    from probes.rules.rule_registry import CURVE as CURVE_RULE
    from probes.rules.rule_registry import PREDICTION
    from probes.scoring.design_scores import Head
    from probes.scoring.engine import PromptConfiguration, Question, score
    from probes.scoring.threshold_lookup import RuleThresholds

    images, found = EmbeddingStore(root).locate(SPACE, [f"{i:064x}" for i in range(n)], dim=DIM)
    assert found.all()
    names = [f"class {i:02}" for i in range(SHARED + DESIGNS)]
    configurations = []
    for design in range(DESIGNS):
        columns = [*range(SHARED), SHARED + design]
        own = tuple(names[i] for i in columns)
        configurations.append(
            PromptConfiguration(
                key=("speed", f"design {design}", "plain"),
                classes=own,
                columns=np.array(columns),
                sets={name: own[part] for name, part in SETS.items()},
            )
        )
    thresholds = np.linspace(0, 1, POINTS).round(6).tolist()
    rules = [RuleThresholds.of(PREDICTION.name), RuleThresholds.of(CURVE_RULE.name, thresholds)]
    score(
        images, classes(), configurations, cells=groups(n), n_cells=GROUPS, head=Head(scale=SCALE),
        question=Question(rules=rules),
    )  # fmt: skip


def public_way(root: Path, n: int) -> None:
    """One design: load all, one softmax, and a MetricFrame for each set and threshold; a few of those."""
    from fairlearn.metrics import MetricFrame, selection_rate

    from probes.embeddings.embed import EmbeddingStore

    images, _ = EmbeddingStore(root).fetch(SPACE, [f"{i:064x}" for i in range(n)], dim=DIM)
    logits = SCALE * images @ classes()[: SHARED + 1].T
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = exponents / exponents.sum(axis=1, keepdims=True)
    own_groups, truth = groups(n), np.zeros(n)
    for threshold in np.linspace(0, 1, SAMPLED_THRESHOLDS):
        for part in SETS.values():
            assigned = (probabilities[:, part] >= threshold).any(axis=1)
            frame = MetricFrame(
                metrics=selection_rate, y_true=truth, y_pred=assigned, sensitive_features=own_groups
            )
            assert len(frame.by_group) == GROUPS


def _measured(job: Callable[[Path, int], None], root: Path, n: int, results: multiprocessing.Queue) -> None:
    start, busy = time.perf_counter(), time.process_time()
    job(root, n)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    results.put((time.perf_counter() - start, time.process_time() - busy, peak))


def measure(job: Callable[[Path, int], None], root: Path, n: int) -> tuple[float, float, float]:
    """Seconds, seconds of CPU and peak GiB of a job in a process of its own, imports included."""
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=_measured, args=(job, root, n, results))
    process.start()
    figures: tuple[float, float, float] = results.get()
    process.join()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=1, help="how many times 100,000 images")
    times = parser.parse_args().times
    n = times * IMAGES
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        fill_store(root, n)
        print("| way | images | designs x thresholds | seconds | CPU seconds | peak GiB |")
        print("|---|---:|---:|---:|---:|---:|")
        seconds, busy, peak = measure(engine, root, n)
        print(f"| engine | {n:,} | {DESIGNS} x {POINTS} | {seconds:.1f} | {busy:.1f} | {peak:.2f} |")
        if times == 1:
            seconds, busy, peak = measure(public_way, root, n)
            done = f"1 x {SAMPLED_THRESHOLDS}"
            print(f"| fairlearn | {n:,} | {done} | {seconds:.1f} | {busy:.1f} | {peak:.2f} |")
            whole = busy * DESIGNS * POINTS / SAMPLED_THRESHOLDS / 60
            print(f"| fairlearn, multiplied | {n:,} | {DESIGNS} x {POINTS} | | {60 * whole:,.0f} | |")
    print(f"\n{sys.version.split()[0]}, numpy {np.__version__}")


if __name__ == "__main__":
    main()
