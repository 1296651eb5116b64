"""Annotations joined to a folder of embeddings from a table that is larger than the memory of the join.

python -m benchmarks.annotation_join                      # 1e6 images, 2e7 rows, 256 MB
python -m benchmarks.annotation_join --images 100000 --rows 1000000
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.embedding_folder import generate
from benchmarks.recorded_lines import record
from probes.embeddings.joined_annotations import Join, join_annotations

BLOCK = 1 << 20
HEADER = (
    "images",
    "rows of the table",
    "its MB in memory",
    "MB allowed",
    "seconds",
    "CPU seconds",
    "peak MB",
)


def write_table(file: Path, rows: int) -> float:
    """Rows in random order, of which the first `n` ids are images; MB that they take uncompressed."""
    rng, taken = np.random.default_rng(0), 0.0
    order = rng.permutation(rows)
    schema = pa.schema({"image": pa.string(), "race": pa.string(), "person": pa.string()})
    with pq.ParquetWriter(file, schema) as writer:
        for start in range(0, rows, BLOCK):
            ids = order[start : start + BLOCK]
            columns = [
                pa.array(ids.astype(str)),
                pa.array(np.array(["a", "b", "c", "d"])[ids % 4]),
                pa.array(np.char.add("person ", (ids // 5).astype(str))),
            ]
            table = pa.Table.from_arrays([column.cast(pa.string()) for column in columns], schema=schema)
            taken += table.nbytes / 1e6
            writer.write_table(table)
    return taken


def joined(folder: Path, table: Path, memory: int, results: multiprocessing.Queue) -> None:
    began, busy = time.perf_counter(), time.process_time()
    join = Join(tables=[table], key="image", attributes=["race"], cluster="person", memory_mb=memory)
    found = join_annotations(folder, join, out=folder.parent / "joined")
    assert found.n_annotated == found.n_images
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    results.put((time.perf_counter() - began, time.process_time() - busy, peak))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--memory", type=int, default=256, help="megabytes of the join")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="join-") as scratch:
        folder, table = Path(scratch) / "embeddings", Path(scratch) / "labels.parquet"
        generate(folder, told.images)
        size = write_table(table, told.rows)
        context = multiprocessing.get_context(
            "spawn"
        )  # the peak of this process holds the making of the table
        results = context.Queue()
        process = context.Process(target=joined, args=(folder, table, told.memory, results))
        process.start()
        seconds, busy, peak = results.get()
        process.join()
    line = (
        f"{told.images:,}", f"{told.rows:,}", f"{size:,.0f}", f"{told.memory:,}", f"{seconds:.1f}",
        f"{busy:.1f}", f"{peak:,.0f}",
    )  # fmt: skip
    print(*line, sep=" · ")
    record(line, header=HEADER, name="annotation_join", title="Annotations joined to a folder of embeddings")


if __name__ == "__main__":
    main()
