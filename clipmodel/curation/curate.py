"""Captions in, balanced captions out: match every shard, set the limits, select from every shard.

The steps share nothing between shards: counted merge by addition, smallest draws by their `merge`, and the
draws are hashes, so the same rows are selected however they are cut into shards, and whoever selects from
which: this process, or workers of Ray.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np

from clipmodel import __version__
from clipmodel.atomic_files import new_folder
from clipmodel.curation.balancing import (
    RULES,
    Limits,
    Rule,
    check_cap,
    exact_limits,
    probabilistic_limits,
)
from clipmodel.curation.caption_files import Shard
from clipmodel.curation.curation_report import CurationReport
from clipmodel.curation.hashed_draws import SmallestDraws
from clipmodel.curation.match_files import Advance, MatchCounts
from clipmodel.curation.queries import QueryList
from clipmodel.curation.ray_shards import ray_shard_work
from clipmodel.curation.selection import KeptWriter
from clipmodel.curation.shard_steps import ShardSteps, ShardWork, matches_file
from clipmodel.errors import UserError
from clipmodel.progress import Progress

KEPT_FILE = "kept.parquet"


def curate(
    shards: Sequence[Shard],
    queries: QueryList,
    *,
    out: Path,
    t: int = 20_000,
    rule: Rule = "probabilistic",
    seed: int = 0,
    progress: Progress | None = None,
    ray_workers: int | None = None,
) -> CurationReport:
    """Keep captions so that each query is assigned at most t, and write them with a report.

    Captions are streamed twice, to count and to select. Memory holds the queries and, for the exact rule, t
    draws of each query that has more; the disk of `out` holds the matches in the meantime.

    Parameters
    ----------
    shards
        From `find_shards`. Without a key column captions are drawn by their text alone: equal ones share
        their draws, and the key written is the name of the file and the row, from 0.
    queries
        What the captions are balanced over.
    out
        A folder that does not exist yet, and appears when all is done: kept.parquet (key, caption, matched,
        assigned), and the files of `CurationReport`.
    t
        Captions a query; 20,000 in the paper.
    rule
        "probabilistic" (t in expectation) or "exact".
    seed
        Of the draws.
    progress
        Told what is being done, how much of it is done and how much there is, an estimate at first.
    ray_workers
        Processes of Ray that have the shards between them, on the cluster in RAY_ADDRESS or on this machine;
        all of them must reach the shards and `out`. The files are the same bytes. None: this process alone.

    Raises
    ------
    UserError
        t is below 1, the folder exists or cannot be written, a shard is unreadable, no query, or no caption
        that contains one.
    """
    check_cap(t)
    if rule not in RULES:
        raise UserError(f"no rule {rule!r}", remedy=f"one of: {', '.join(RULES)}")
    if not shards or not len(queries):
        raise UserError("nothing to match" if shards else "no shards", remedy="give captions and queries")
    with new_folder(out) as draft:
        with _engine(shards, queries, draft, seed=seed, workers=ray_workers) as work:
            report = _Run(shards, queries, draft, work=work, progress=progress or _silent).curate(
                t=t, rule=rule
            )
        report.write(draft)
    return report


@contextmanager
def _engine(
    shards: Sequence[Shard], queries: QueryList, draft: Path, *, seed: int, workers: int | None
) -> Iterator[ShardWork]:
    """What does the steps of single shards."""
    steps = ShardSteps(shards=tuple(shards), texts=tuple(queries.texts), draft=draft, seed=seed)
    if workers is None:
        yield steps
        return
    with ray_shard_work(steps, workers=workers) as work:
        yield work


class _Run:
    """The three steps over all shards, and what they found."""

    def __init__(
        self, shards: Sequence[Shard], queries: QueryList, draft: Path, *, work: ShardWork, progress: Progress
    ) -> None:
        self._shards, self._queries, self._texts = shards, queries, queries.texts
        self._work, self._draft, self._progress = work, draft, progress

    def curate(self, *, t: int, rule: Rule) -> CurationReport:
        """Write what is kept, and account for it."""
        counted = self.match()
        merged = reduce(add, counted)
        _check(merged, self._shards, self._queries)
        limits = self.limits(merged.contained, t=t, rule=rule)
        kept, contained, assigned = self.select(limits, rows=merged.rows)
        for number in range(len(self._shards)):
            matches_file(self._draft, number).unlink()
        counts = self._queries.frame[["query", "source"]].assign(
            contained_before=merged.contained, contained_after=contained, assigned_after=assigned
        )
        names = [shard.path.name for shard in self._shards]
        summary = {
            "rule": rule,
            "t": t,
            "seed": self._work.seed,
            "queries": {"n": len(self._queries), "sha256": self._queries.fingerprint},
            "shards": [_shard_summary(*shard) for shard in zip(names, counted, kept, strict=True)],
            "totals": _totals(merged, counted, n_kept=sum(kept), n_assigned=int(assigned.sum())),
            "version": __version__,
        }
        return CurationReport(counts, summary)

    def match(self) -> list[MatchCounts]:
        return list(self._work.match(_advances("match captions", self._shards, self._progress)))

    def limits(self, contained: np.ndarray, *, t: int, rule: Rule) -> Limits:
        if rule == "probabilistic":
            return probabilistic_limits(contained, t)
        # The exact rule needs one more pass, over the matches alone.
        smallest = SmallestDraws(len(contained), t)
        for done, of_shard in enumerate(self._work.smallest(contained, t), start=1):
            smallest.merge(of_shard)
            self._progress("rank draws, shards", done, len(self._shards))
        return exact_limits(smallest)

    def select(self, limits: Limits, *, rows: int) -> tuple[list[int], np.ndarray, np.ndarray]:
        """Kept captions of each shard, and how many contain and are assigned to each query."""
        n_queries = len(self._texts)
        contained, assigned = np.zeros(n_queries, dtype=np.int64), np.zeros(n_queries, dtype=np.int64)
        kept = []
        advances = _advances("select captions", self._shards, self._progress, rows=rows)
        with KeptWriter(self._draft / KEPT_FILE, self._texts) as writer:
            for parts in self._work.select(limits, advances):
                n_kept = 0
                for part in parts:
                    writer.write(part)
                    n_kept += len(part.keys)
                    contained += np.bincount(part.matched.queries, minlength=n_queries)
                    assigned += np.bincount(part.assigned.queries, minlength=n_queries)
                kept.append(n_kept)
        return kept, contained, assigned


def _check(merged: MatchCounts, shards: Sequence[Shard], queries: QueryList) -> None:
    where = str(shards[0].path) + (f" and {len(shards) - 1} other shards" if len(shards) > 1 else "")
    if merged.rows == merged.missing:
        raise UserError(
            f"{where}: no captions in {merged.rows:,} rows", remedy="give at least one shard with captions"
        )
    if not merged.matched:
        raise UserError(
            f"{where}: none of {merged.rows:,} captions contains one of the {len(queries):,} queries",
            remedy="check --caption and the query list",
        )


def _shard_summary(name: str, counts: MatchCounts, kept: int) -> dict[str, Any]:
    numbers = {"rows": counts.rows, "missing": counts.missing, "matched": counts.matched, "kept": kept}
    return {"name": name, **numbers}


def _totals(
    merged: MatchCounts, counted: Sequence[MatchCounts], *, n_kept: int, n_assigned: int
) -> dict[str, int]:
    return {
        "shards": len(counted),
        "empty_shards": sum(not counts.rows for counts in counted),
        "rows": merged.rows,
        "missing": merged.missing,
        "matched": merged.matched,
        "kept": n_kept,
        "pairs_matched": int(merged.contained.sum()),
        "pairs_assigned": n_assigned,
    }


def _advances(
    what: str, shards: Sequence[Shard], progress: Progress, *, rows: int | None = None
) -> Iterator[Advance]:
    """For each shard in turn, what it calls to say how far it is; all rows are extrapolated by bytes."""
    sizes = [shard.size_bytes for shard in shards]
    done = 0
    for number, size in enumerate(sizes):
        # By bytes: how many rows a shard holds is not known before it was read.
        before = sum(sizes[:number])

        def advance(new: int, share: float, *, before: int = before, size: int = size) -> None:
            nonlocal done
            done += new
            bytes_read = max(before + share * size, 1)
            progress(what, done, rows or max(done, round(done * sum(sizes) / bytes_read)))

        yield advance


def _silent(what: str, done: int, total: int) -> None:
    """Report no progress."""
