"""Curation at the paper's 500,000 queries: captions a second and core, peak memory, agreement of shards.

    python -m benchmarks.curation

Captions are made of words whose frequencies follow Zipf's law. Each measurement is one run of
`clipmodel.curation.curate` from files to files in a fresh process (Linux): the processor seconds of all its
threads, and the rise of its peak resident memory over what it held after its imports.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import seaborn  # noqa: F401 - what the report loads when it draws is no memory of the curation

from benchmarks.interleaved_timing import asked_for_quick, report
from clipmodel.curation import QueryList, curate, find_shards
from clipmodel.curation.balancing import Rule
from clipmodel.curation.curate import KEPT_FILE, Progress

GOAL = 40_000  # captions a second and core
FLAT = 1.25  # times the memory of a quarter of the captions
T = 20
SYLLABLES = ["".join(pair) for pair in product("bcdfghjklmnprstvwyz", "aeiou")]
MEBIBYTE = 2**20


@dataclass(frozen=True, kw_only=True)
class Size:
    """Of the queries, of the vocabulary that captions and queries are made of, and of the captions."""

    queries: int
    words: int  # queries that are words; the others are pairs
    vocabulary: int
    captions: int


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One run over some shards."""

    what: str
    rule: Rule
    captions: int
    kept: int
    pairs: int  # of a caption and a query it contains
    seconds: dict[str, float]  # processor time, by step
    extra_mib: float
    selection: str  # SHA-256 of what was kept

    @property
    def speed(self) -> float:
        """Captions a second and core, all steps included."""
        return self.captions / sum(self.seconds.values())


def word(rank: int) -> str:
    """A made-up word: the rank in base 95, one syllable a digit, so that frequent words are short."""
    syllables = []
    rank += 1
    while rank:
        rank, digit = divmod(rank - 1, len(SYLLABLES))
        syllables.append(SYLLABLES[digit])
    return "".join(syllables)


def made_captions(n: int, vocabulary: Sequence[str], *, accents: float, seed: int) -> Iterator[list[str]]:
    """Captions of 6 to 16 words, 10,000 at a time; a share of them end with a word that is not ASCII."""
    rng = np.random.default_rng(seed)
    words = np.array(vocabulary, dtype=object)
    share = np.cumsum(1 / np.arange(1, len(words) + 1))
    for start in range(0, n, 10_000):
        lengths = rng.integers(6, 17, size=min(10_000, n - start))
        ranks = np.searchsorted(share, rng.random(lengths.sum()) * share[-1])
        parts = np.split(words[ranks], np.cumsum(lengths)[:-1])
        marked = rng.random(len(lengths)) < accents
        yield [" ".join(part) + (" café" if mark else "") for part, mark in zip(parts, marked, strict=True)]


def write_shards(folder: Path, captions: Iterator[list[str]], *, n_shards: int, n_captions: int) -> Path:
    """Parquet files with a key and a caption, in order."""
    folder.mkdir()
    row, each = 0, n_captions // n_shards
    writers = [
        pq.ParquetWriter(folder / f"{i:02d}.parquet", pa.schema({"key": pa.string(), "caption": pa.string()}))
        for i in range(n_shards)
    ]
    for texts in captions:
        keys = [str(row + i) for i in range(len(texts))]
        writers[min(row // each, n_shards - 1)].write_table(pa.table({"key": keys, "caption": texts}))
        row += len(texts)
    for writer in writers:
        writer.close()
    return folder


def made_queries(size: Size, vocabulary: Sequence[str]) -> QueryList:
    """Words, and pairs of neighbours in other captions of the same kind."""
    pairs: dict[str, None] = {}
    captions = made_captions(size.queries * 4, vocabulary, accents=0, seed=1)
    while len(pairs) < size.queries - size.words:
        for text in next(captions):
            words = text.split()
            pairs.update(dict.fromkeys(map(" ".join, pairwise(words))))
    chosen = list(pairs)[: size.queries - size.words]
    return QueryList.of([*vocabulary[: size.words], *chosen])


def curated(what: str, folder: Path, queries: Path, rule: Rule) -> Measured:
    """One run, of which this process does nothing else."""
    listed, shards = QueryList.read(queries), find_shards([folder], key="key")
    before = _memory_mib("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    steps = _Steps()
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        out = Path(scratch) / "out"
        found = curate(shards, listed, out=out, t=T, rule=rule, progress=steps.show)
        steps.end()
        extra = _memory_mib("VmHWM") - before
        selection = _digest(out / KEPT_FILE)
    totals = found.totals
    return Measured(
        what=what,
        rule=rule,
        captions=totals["rows"],
        kept=totals["kept"],
        pairs=totals["pairs_matched"],
        seconds=steps.seconds,
        extra_mib=extra,
        selection=selection,
    )


class _Steps:
    """Processor seconds up to the last report of each step; what follows is writing the report."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._started = time.process_time()

    @property
    def show(self) -> Progress:
        def show(what: str, done: int, total: int) -> None:
            self._note(what)

        return show

    def end(self) -> None:
        self._note("report")

    def _note(self, what: str) -> None:
        earlier = sum(seconds for name, seconds in self.seconds.items() if name != what)
        self.seconds[what] = time.process_time() - self._started - earlier


def _memory_mib(field: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise KeyError(field)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    for batch in pq.ParquetFile(path).iter_batches(10_000):
        digest.update(repr(batch.to_pylist()).encode())
    return digest.hexdigest()


def in_fresh_process(what: str, folder: Path, queries: Path, rule: Rule) -> Measured:
    """So that no measurement sees what another one left."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(curated, (what, folder, queries, rule))


def measure(size: Size, scratch: Path) -> list[Measured]:
    """All runs: a quarter and all of the captions, one shard and ten, both rules, some captions not ASCII."""
    vocabulary = [word(rank) for rank in range(size.vocabulary)]
    queries = scratch / "queries.parquet"
    made_queries(size, vocabulary).write(queries)

    def shards(name: str, n_captions: int, n_shards: int, accents: float = 0.0) -> Path:
        captions = made_captions(n_captions, vocabulary, accents=accents, seed=0)
        return write_shards(scratch / name, captions, n_shards=n_shards, n_captions=n_captions)

    quarter, one = shards("quarter", size.captions // 4, 1), shards("one", size.captions, 1)
    ten, accents = shards("ten", size.captions, 10), shards("accents", size.captions // 4, 1, 0.1)
    rules: tuple[Rule, ...] = ("probabilistic", "exact")
    runs = [("1 shard", quarter), ("1 shard", one), ("10 shards", ten)]
    found = [in_fresh_process(what, folder, queries, rule) for rule in rules for what, folder in runs]
    return [*found, in_fresh_process("1 shard, 1 caption in 10 not ASCII", accents, queries, "probabilistic")]


def verdicts(found: Sequence[Measured]) -> list[str]:
    """What was to be shown, and whether it was; shards that disagree are an error."""
    notes = []
    for quarter, one, ten in (found[:3], found[3:6]):
        if one.selection != ten.selection:
            raise RuntimeError(f"{one.rule}: 1 shard and 10 shards give different selections")
        growth = one.extra_mib / quarter.extra_mib
        notes.append(
            f"{one.rule}: at least {GOAL:,} captions a second and core, all steps included: "
            f"{_met(min(one.speed, ten.speed) >= GOAL)}; extra peak memory of four times the captions "
            f"{growth:.2f} times (at most {FLAT}): {_met(growth <= FLAT)}; 1 shard and 10 shards give the "
            "same selection."
        )
    return notes


def _met(goal: bool) -> str:
    return "met" if goal else "missed"


HEADER = (
    "rule", "shards", "captions", "captions a second and core", "seconds: match + rank + select + report",
    "extra peak, MiB", "kept",
)  # fmt: skip
STEPS = ("match captions", "rank draws, shards", "select captions", "report")


def main() -> None:
    quick = asked_for_quick(__doc__)
    size = Size(queries=500_000, words=300_000, vocabulary=400_000, captions=1_000_000)
    if quick:
        size = Size(queries=5_000, words=3_000, vocabulary=4_000, captions=40_000)
    with tempfile.TemporaryDirectory() as scratch:
        found = measure(size, Path(scratch))
    lines = [
        (
            run.rule,
            run.what,
            f"{run.captions:,}",
            f"{run.speed:,.0f}",
            " + ".join(f"{run.seconds.get(step, 0):.1f}" for step in STEPS),
            f"{run.extra_mib:.0f}",
            f"{run.kept:,}",
        )
        for run in found
    ]
    pairs = found[1].pairs / found[1].captions
    report(
        None if quick else "curation",
        f"Curation over {size.queries:,} queries, at most {T} captions each",
        header=HEADER,
        lines=lines,
        notes=[
            *verdicts(found),
            f"Captions of 6 to 16 words, {pairs:.1f} different queries in each; parquet in and out.",
            "Matching includes building the automaton.",
            "Captions that are not ASCII take longer to clean (ftfy).",
        ],
    )


if __name__ == "__main__":
    main()
