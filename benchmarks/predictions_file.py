"""Time and memory of an audit of a file of predictions or scores, from reading it to the counts.

    python -m benchmarks.predictions_file [--images 100000 1000000] [--kinds scores.csv ...] [--folder DIR]
        [--clusters] [--parts 20]

The files are generated: paths, two attributes, and 12 columns of scores that add up to 1 or one column of
predictions. With --clusters they name the person of each image: 1 to 10 images each, 5.5 on average, in no
order within blocks of rows. With --parts they are folders of as many parts. The audit asks of scores two
class designs under two rules, of predictions one. Each size runs in a process of its own.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.interleaved_timing import report

CLASSES, BLOCK = 12, 100_000
MOST_OF_A_PERSON = 10
KINDS = ("scores.csv", "scores.parquet", "predictions.csv", "predictions.parquet")
SUITE = """\
suite: rows
title: Rows of a file
data: emoji
thresholds: [0.1, 0.3, 0.5]
probes:
  - name: words
    title: Words
    question: Which word?
    label_set: words
    groups: [[gender], [tone]]
    outcomes: {harm: ["harm: crime"]}
    rules: RULES
    designs: DESIGNS
label_sets:
  words:
    sets:
      identity: [WORDS]
      "harm: crime": [thief, criminal]
"""


def names() -> list[str]:
    """The classes."""
    return [*(f"word{i}" for i in range(CLASSES - 2)), "thief", "criminal"]


def with_people(frame: pd.DataFrame, start: int) -> pd.DataFrame:
    """The rows of a block with a person, whose attributes all images of the person share."""
    rng = np.random.default_rng([1, start])
    sizes = rng.integers(1, MOST_OF_A_PERSON + 1, len(frame))
    person = rng.permutation(np.repeat(np.arange(len(frame)), sizes)[: len(frame)])
    labels = frame.iloc[person].reset_index(drop=True)
    names = [f"person {start + own:09}" for own in person]
    return frame.assign(gender=labels["gender"], tone=labels["tone"], person_id=names)


def blocks(n: int, *, scored: bool, clusters: bool) -> Iterator[pd.DataFrame]:
    """The rows of a file, some at a time."""
    for start in range(0, n, BLOCK):
        rng, own = np.random.default_rng(start), min(BLOCK, n - start)
        frame = pd.DataFrame(
            {
                "image": [f"images/{i:09}.jpg" for i in range(start, start + own)],
                "gender": np.array(["woman", "man"], object)[rng.integers(0, 2, own)],
                "tone": np.array(["light", "medium", "dark"], object)[rng.integers(0, 3, own)],
            }
        )
        frame = with_people(frame, start) if clusters else frame
        if not scored:
            yield frame.assign(prediction=np.array(names(), object)[rng.integers(0, CLASSES, own)])
            continue
        powers = rng.exponential(size=(own, CLASSES))
        scores = (powers / powers.sum(axis=1, keepdims=True)).round(4)
        yield pd.concat([frame, pd.DataFrame(scores, columns=[f"score_{w}" for w in names()])], axis=1)


def generate(path: Path, n: int, *, clusters: bool, parts: int) -> None:
    """Write a file of n rows, or a folder of parts with as many blocks each."""
    scored = path.name.startswith("scores")
    files = [path] if not parts else [path / f"part-{i:05}{path.suffix}" for i in range(parts)]
    files[0].parent.mkdir(parents=True, exist_ok=True)
    n_blocks, writers = math.ceil(n / BLOCK), dict[Path, pq.ParquetWriter]()
    for number, block in enumerate(blocks(n, scored=scored, clusters=clusters)):
        # A single block is cut, so that the smallest size has as many parts.
        size = math.ceil(len(block) / len(files)) if n_blocks == 1 else len(block)
        pieces = [block.iloc[start : start + size] for start in range(0, len(block), size)]
        for i, piece in enumerate(pieces):
            file = files[i] if n_blocks == 1 else files[number * len(files) // n_blocks]
            if path.suffix == ".csv":
                piece.to_csv(file, mode="a", header=not file.exists(), index=False)
                continue
            table = pa.Table.from_pandas(piece, preserve_index=False)
            if file not in writers:
                writers[file] = pq.ParquetWriter(file, table.schema)
            writers[file].write_table(table)
    for writer in writers.values():
        writer.close()


def suite_text(*, scored: bool) -> str:
    """Two designs under three rules for scores; of predictions there is one design and one rule."""
    extra = "{default: {}, without: {drop: ['harm: crime']}}" if scored else "{default: {}}"
    rules = "[argmax, probability]" if scored else "[argmax]"
    text = SUITE.replace("DESIGNS", extra).replace("RULES", rules)
    return text.replace("WORDS", ", ".join(names()[:-2]))


def audit(file: Path, results: multiprocessing.Queue[Any]) -> None:
    """Open, plan and score; seconds of wall clock and of the processor, peak MB."""
    from probes.datasets import load_dataset
    from probes.embeddings.embed import EmbeddingStore
    from probes.embeddings.precomputed import precomputed_model
    from probes.runner import run_suite
    from probes.suite.suite import load_suite

    with tempfile.TemporaryDirectory() as scratch:
        suite = Path(scratch) / "suite.yaml"
        suite.write_text(suite_text(scored=file.name.startswith("scores")), encoding="utf-8")
        start, busy = time.perf_counter(), time.process_time()
        dataset = load_dataset(f"predictions:{file}")
        opened = time.perf_counter() - start
        model = precomputed_model(dataset)
        assert model is not None
        records = run_suite(
            load_suite(str(suite)), model, dataset, store=EmbeddingStore(Path(scratch) / "cache")
        )
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        assert len(records.counts)
        results.put((time.perf_counter() - start, time.process_time() - busy, peak, opened))


def measure(n: int, kind: str, *, kept: Path | None, clusters: bool, parts: int) -> tuple[float, ...]:
    """Generate, unless the folder keeps it, and audit a file of n rows."""
    with tempfile.TemporaryDirectory() as scratch:
        # What is generated differs by all of these, and so does the name under which it is kept.
        file = (kept or Path(scratch)) / f"{n}-{clusters}-{parts}" / kind
        if not file.exists():
            generate(file, n, clusters=clusters, parts=parts)
        context = multiprocessing.get_context("spawn")
        results: multiprocessing.Queue[Any] = context.Queue()
        process = context.Process(target=audit, args=(file, results))
        process.start()
        process.join()
        if process.exitcode:
            raise SystemExit(f"the audit of {n:,} rows of {kind} ended with exit code {process.exitcode}")
        figures: tuple[float, ...] = results.get()
        return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    parser.add_argument("--folder", type=Path, help="where generated files are kept; default: nowhere")
    parser.add_argument("--clusters", action="store_true", help="people of 1 to 10 images")
    parser.add_argument("--parts", type=int, default=0, help="folders of so many parts in the place of files")
    parser.add_argument("--quick", action="store_true", help="20,000 images; writes nothing")
    options = parser.parse_args()
    lines = []
    for kind in options.kinds:
        for n in [20_000] if options.quick else options.images:
            wall, busy, peak, opened = measure(
                n, kind, kept=options.folder, clusters=options.clusters, parts=options.parts
            )
            figures = (f"{wall:.1f}", f"{opened:.1f}", f"{busy:.1f}", f"{1e6 * busy / n:.1f}")
            name = [kind, *["clusters"] * options.clusters, *[f"{options.parts} parts"] * (options.parts > 0)]
            lines.append((", ".join(name), f"{n:,}", *figures, f"{peak:,.0f}"))
    report(
        None if options.quick or options.clusters or options.parts else "predictions_file",
        "Audit of a file of predictions or scores, from reading it to the counts",
        header=(
            "file",
            "images",
            "seconds",
            "of them reading",
            "CPU seconds",
            "CPU microseconds an image",
            "peak MB",
        ),
        lines=lines,
        notes=[
            "Scores are kept in a temporary file (8 bytes a number) and read again by the engine, labels in "
            "one compact column each; what is held of an image does not grow with its classes.",
            "What happened to each image is kept up to 2,000,000 images.",
        ],
    )


if __name__ == "__main__":
    main()
