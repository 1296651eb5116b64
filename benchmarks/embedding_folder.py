"""Time and memory of an audit of a folder of embeddings, which is streamed and never loaded whole.

    python -m benchmarks.embedding_folder [--images 100000 1000000 10000000] [--classes 12 1024]

The embeddings are generated: images x 512 dimensions in 16 bits, two attributes; 10,000,000 take 10.5 GB and
most of the time, so --folder keeps them for the next run. The audit asks 8 class designs that share all
classes but one, with argmax and a curve of 101 thresholds; --classes says how many each has. Each size runs
in a process of its own. Beside its time stand the time in which the processor multiplies as many numbers at
the rate of a 2048-cubed product, and the time in which it reads and hashes as many bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import multiprocessing
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.interleaved_timing import report
from probes.datasets.cards import unknown_card
from probes.datasets.demographic_dataset import ID, DemographicDataset
from probes.embeddings.folder import PartManifest, part_path
from probes.embeddings.parts import prepare
from probes.embeddings.shard_files import KEY, shard_bytes, write_bytes

DIM, DESIGNS, PART = 512, 8, 8192
SUITE = """\
suite: streamed
title: Eight designs
data: emoji
probes:
  - name: words
    title: Words
    question: Which word?
    label_set: words
    groups: [[gender], [tone]]
    outcomes: {harm: ["harm: crime"]}
    designs:
      default: {}
EXTRA
label_sets:
  words:
    sets:
      identity: [WORDS]
      "harm: crime": [thief, criminal]
"""


class Model:
    """Texts to directions drawn from their hash; images come from the folder."""

    name, embed_dim, fingerprint, preprocess_id = "drawn", DIM, "drawn", "none"
    logit_scale, logit_bias = 100.0, None

    def encode_text(self, texts: list[str]) -> torch.Tensor:
        """[C, D] unit-norm."""
        seeds = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) for text in texts]
        drawn = np.stack([np.random.default_rng(seed).normal(size=DIM) for seed in seeds])
        return torch.nn.functional.normalize(torch.from_numpy(drawn.astype(np.float32)), dim=-1)


class People(DemographicDataset):
    """N people of two attributes, without images."""

    def __init__(self, n: int) -> None:
        rng = np.random.default_rng(0)
        frame = pd.DataFrame(
            {
                ID: [str(i) for i in range(n)],
                "gender": np.array(["woman", "man"], object)[rng.integers(0, 2, n)],
                "tone": np.array(["light", "medium", "dark"], object)[rng.integers(0, 3, n)],
            }
        )
        super().__init__(
            frame, attributes=["gender", "tone"], card=unknown_card("people", "Drawn people", caution="")
        )

    def read_bytes(self, row: int) -> bytes:
        """There are none."""
        raise TypeError("no images")


def generate(folder: Path, n: int) -> None:
    """Write a folder of embeddings as `clip-audit embed` does."""
    job = prepare(folder, People(n), Model(), part_images=PART, dtype="float16")  # type: ignore[arg-type]
    for number in range(job.n_parts):
        rng, own = np.random.default_rng(number), len(job.rows(number))
        vectors = rng.normal(size=(own, DIM)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        keys = np.frombuffer(rng.bytes(32 * own), KEY)
        data = shard_bytes(keys, vectors.astype(np.float16), reasons=[None] * own)
        sound = PartManifest(sha256=hashlib.sha256(data).hexdigest(), n_bytes=len(data), unreadable={})
        path = part_path(folder, number)
        write_bytes(path, data, mode=0o644)
        write_bytes(path.with_suffix(".json"), json.dumps(asdict(sound)).encode(), mode=0o644)


def suite_text(classes: int) -> str:
    words = ", ".join(f"word{i}" for i in range(classes - 2))
    extra = "\n".join(f"      with_{i}: {{add: {{identity: [extra{i}]}}}}" for i in range(1, DESIGNS))
    return SUITE.replace("EXTRA", extra).replace("WORDS", words)


def audit(folder: Path, classes: int, results: multiprocessing.Queue) -> None:
    """Open, plan and score; seconds of wall clock and of the processor, peak MB."""
    from probes.embeddings.folder import FolderDataset
    from probes.embeddings.store import EmbeddingStore
    from probes.runner import run_suite
    from probes.suite.suite import load_suite

    suite = folder.parent / "suite.yaml"
    suite.write_text(suite_text(classes), encoding="utf-8")
    start, busy = time.perf_counter(), time.process_time()
    store = EmbeddingStore(folder.parent / "cache")
    records = run_suite(load_suite(str(suite)), Model(), FolderDataset(folder), store=store)  # type: ignore[arg-type]
    peak = peak_of_this_program()
    assert len(records.counts)
    results.put((time.perf_counter() - start, time.process_time() - busy, peak))


def peak_of_this_program() -> float:
    """MB. Not getrusage: its peak holds that of the process that started this one, which generates images."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def product_rate() -> float:
    """Floating-point operations a second of a 2048-cubed product, the best of five."""
    a = torch.randn(2048, 2048)
    best = min(_seconds(a) for _ in range(5))
    return 2 * 2048**3 / best


def _seconds(a: torch.Tensor) -> float:
    start = time.perf_counter()
    a @ a
    return time.perf_counter() - start


def hashing_rate() -> float:
    """Bytes a second of SHA-256, the best of five."""
    block = bytes(1 << 24)
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        hashlib.sha256(block).digest()
        best = min(best, time.process_time() - start)
    return len(block) / best


def measure(n: int, classes: int, kept: Path | None = None) -> tuple[float, float, float]:
    """Generate, unless the folder keeps them, and audit n images."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = (kept / str(n) if kept else Path(scratch)) / "embeddings"
        if not folder.exists():
            generate(folder, n)
        context = multiprocessing.get_context("spawn")
        results: multiprocessing.Queue = context.Queue()
        process = context.Process(target=audit, args=(folder, classes, results))
        process.start()
        process.join()
        if process.exitcode:
            raise SystemExit(f"the audit of {n:,} images ended with exit code {process.exitcode}")
        figures: tuple[float, float, float] = results.get()
        return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--classes", type=int, nargs="+", default=[12], help="of each design (default: 12)")
    parser.add_argument("--folder", type=Path, help="where generated embeddings are kept; default: nowhere")
    parser.add_argument("--quick", action="store_true", help="20,000 images; writes nothing")
    options = parser.parse_args()
    sizes = [20_000] if options.quick else options.images
    rate, hashed = product_rate(), hashing_rate()
    lines = []
    for n, classes in itertools.product(sizes, options.classes):
        wall, busy, peak = measure(n, classes, options.folder)
        alone = 2 * n * DIM * (classes + DESIGNS - 1) / rate
        hashes = 2 * n * DIM / hashed
        lines.append(
            (
                f"{n:,}", f"{classes + DESIGNS - 1:,}", f"{wall:.1f}", f"{busy:.1f}", f"{1e6 * busy / n:.1f}",
                f"{alone:.2f}", f"{alone / wall:.2f}", f"{hashes:.1f}", f"{peak:,.0f}",
            )
        )  # fmt: skip
    report(
        None if options.quick else "embedding_folder",
        "Audit of a folder of embeddings, 512 dimensions in 16 bits, 8 class designs",
        header=(
            "images", "prompts", "seconds", "CPU seconds", "CPU microseconds an image",
            "products alone, seconds", "rate, of the product's", "hashing alone, seconds", "peak MB",
        ),
        lines=lines,
        notes=[
            f"2048-cubed product: {rate / 1e9:.0f} GFLOP/s; SHA-256: {hashed / 1e6:.0f} MB/s of a thread.",
            "Of few prompts the products are so thin that reading, hashing and widening an image to 32 bits "
            "cost more than multiplying it; see benchmarks.scoring_rate. What happened to each image is kept "
            "up to 2,000,000 images.",
        ],
    )  # fmt: skip


if __name__ == "__main__":
    main()
