"""Damaged and odd inputs: `python -m benchmarks.fuzz images --cases 100000` and the like.

Every case is drawn from a seed and its number, so one that fails can be made again. A case passes if it is
read, or refused with the tool's own error (`UserError`, or `UnreadableImageError` for an image). Any other
exception is counted, printed with the number of its case, and makes the exit code 1. The kinds:

- images: JPEG, PNG, WebP, GIF, BMP, TIFF and PPM with bytes changed, cut, doubled or inserted;
- suites: YAML of a suite with lines, words and signs changed;
- tables: CSV and parquet with the same done to their bytes, through the loaders of tables and predictions;
- archives: npz files of embeddings with bytes changed.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from clipmodel.errors import UserError
from probes.datasets.demographic_dataset import UnreadableImageError, decode
from probes.datasets.formats.embeddings import load_embeddings
from probes.datasets.formats.predictions import load_predictions
from probes.datasets.formats.table import TableDataset
from probes.suite.shipped.library import DATA
from probes.suite.suite import load_suite

EXPECTED = (UserError, UnreadableImageError)
ODD_WORDS = (
    b"(all)", b"\xff\xfe", b"\x00", b"1e999", b"nan", b"-5", b"99999999999999999999", b"&x [*x]",
    b"!!bool maybe", b"2026-99-99", b'"\\uD800"', b"{", b"[", b": ", b"\n", b"\t", b",", b'"',
    b"\xe2\x80\x8b", b"<<: ", b"~", b"true",
)  # fmt: skip
Case = Callable[[np.random.Generator, Path], None]


def damaged(content: bytes, rng: np.random.Generator, *, words: tuple[bytes, ...] = ODD_WORDS) -> bytes:
    """Bytes with one to eight changes: signs set, cut, doubled, or odd words put in."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 9))):
        at = int(rng.integers(0, max(1, len(data))))
        length = int(rng.integers(1, 17))
        match int(rng.integers(0, 5)):
            case 0:
                data[at : at + 1] = bytes([int(rng.integers(0, 256))])
            case 1:
                del data[at : at + length]
            case 2:
                data[at:at] = data[at : at + length]
            case 3:
                data[at:at] = words[int(rng.integers(0, len(words)))]
            case _:
                data[at : at + length] = rng.integers(0, 256, length, dtype=np.uint8).tobytes()
    return bytes(data[: int(rng.integers(0, len(data) + 1))] if rng.random() < 0.1 else data)


def image_case() -> Case:
    """Decode a damaged picture of noise."""
    pixels = np.random.default_rng(0).integers(0, 256, (24, 20, 3), dtype=np.uint8)
    seeds = []
    for name, options in (
        ("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {}), ("WEBP", {}), ("GIF", {}), ("BMP", {}),
        ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}), ("PPM", {}),
    ):  # fmt: skip
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, format=name, **options)
        seeds.append(buffer.getvalue())

    def run(rng: np.random.Generator, folder: Path) -> None:
        decode(damaged(seeds[int(rng.integers(0, len(seeds)))], rng))

    return run


def suite_case() -> Case:
    """Read a damaged suite; the shipped ones are the seeds."""
    seeds = [path.read_bytes() for path in sorted((DATA / "suites").glob("*.yaml"))]

    def run(rng: np.random.Generator, folder: Path) -> None:
        file = folder / "suite.yaml"
        file.write_bytes(damaged(seeds[int(rng.integers(0, len(seeds)))], rng))
        suite = load_suite(file)
        suite.text.encode()

    return run


def table_case() -> Case:
    """Load a damaged table as images, as predictions and as scores."""
    rows = 12
    plain = pd.DataFrame(
        {
            "path": [f"{i}.jpg" for i in range(rows)], "gender": ["man", "woman"] * (rows // 2),
            "age": ["3-9", "10-19", None] * (rows // 3), "visible_gender": ["true"] * rows,
            "subject_id": [str(i // 2) for i in range(rows)],
        }
    )  # fmt: skip
    scores = plain.assign(score_man=np.linspace(0, 1, rows).round(3))
    scores["score_woman"] = (1 - scores["score_man"]).round(3)
    tables = [plain, plain.assign(prediction=plain["gender"]), scores]
    seeds: list[tuple[str, bytes]] = []
    for table in tables:
        seeds.append((".csv", table.to_csv(index=False).encode()))
        seeds.append((".tsv", table.to_csv(index=False, sep="\t").encode()))
        buffer = io.BytesIO()
        table.to_parquet(buffer)
        seeds.append((".parquet", buffer.getvalue()))

    def run(rng: np.random.Generator, folder: Path) -> None:
        ending, content = seeds[int(rng.integers(0, len(seeds)))]
        file = folder / f"table{ending}"
        file.write_bytes(damaged(content, rng))
        for load in (TableDataset, load_predictions):
            try:
                data = load(file)
                for name in data.attributes:
                    data.levels(name)
                data.clusters.nunique()
            except EXPECTED:
                continue

    return run


def archive_case() -> Case:
    """Load damaged embeddings."""
    rng = np.random.default_rng(0)
    arrays = {
        "image": rng.normal(size=(6, 4)).astype(np.float32),
        "text": rng.normal(size=(2, 4)).astype(np.float32), "text_name": np.array(["man", "woman"]),
        "gender": np.array(["man", "woman"] * 3),
    }  # fmt: skip
    seeds = []
    for save in (np.savez, np.savez_compressed):
        buffer = io.BytesIO()
        save(buffer, **arrays)
        seeds.append(buffer.getvalue())

    def run(rng: np.random.Generator, folder: Path) -> None:
        file = folder / "embeddings.npz"
        file.write_bytes(damaged(seeds[int(rng.integers(0, len(seeds)))], rng))
        load_embeddings(file)

    return run


KINDS: dict[str, Callable[[], Case]] = {
    "images": image_case, "suites": suite_case, "tables": table_case, "archives": archive_case,
}  # fmt: skip


def fuzz(kind: str, *, cases: int, seed: int = 0, first: int = 0) -> Counter[str]:
    """Run some cases of a kind; how often each thing happened: "read", "refused", or "uncaught ...".

    Parameters
    ----------
    kind
        One of `KINDS`.
    cases
        How many.
    seed, first
        Of the draws, and the number of the first case: `fuzz(kind, cases=1, first=n)` is case n again.
    """
    run, outcomes = KINDS[kind](), Counter[str]()
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(first, first + cases):
            try:
                run(np.random.default_rng((seed, number)), Path(scratch))
                outcomes["read"] += 1
            except EXPECTED:
                outcomes["refused"] += 1
            except (Exception, RecursionError) as error:  # noqa: BLE001 - what is looked for
                place = traceback.extract_tb(error.__traceback__)[-1]
                what = f"uncaught {type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
                if not outcomes[what]:
                    print(f"{kind}, case {number}: {what}: {str(error)[:200]}", file=sys.stderr)
                outcomes[what] += 1
    return outcomes


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=[*KINDS, "all"])
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    arguments = parser.parse_args()
    uncaught = 0
    for kind in KINDS if arguments.kind == "all" else [arguments.kind]:
        start = time.perf_counter()
        outcomes = fuzz(kind, cases=arguments.cases, seed=arguments.seed, first=arguments.first)
        own = sum(n for what, n in outcomes.items() if what.startswith("uncaught"))
        uncaught += own
        seconds = time.perf_counter() - start
        print(
            f"{kind}: {arguments.cases:,} cases, {outcomes['read']:,} read, {outcomes['refused']:,} refused, "
            f"{own:,} uncaught, {seconds:.0f} s",
            flush=True,
        )
    return 1 if uncaught else 0


if __name__ == "__main__":
    sys.exit(main())
