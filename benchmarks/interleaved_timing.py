"""Paired timing of contenders that do the same work, and the report of it.

On a shared machine the speed wanders by a third within minutes, so contenders take turns (A B C A B C ...)
and are compared within each round; the median of those ratios is reported, beside the medians of the times.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

OURS = "clipmodel"
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, kw_only=True)
class Race:
    """One kind of work and the seconds each contender took for it, round by round."""

    work: str
    unit: str  # of what is counted: images, texts
    items: int  # done in each call
    seconds: Mapping[str, Sequence[float]]
    goal: float | None = None  # times the speed of the fastest peer

    def speed(self, contender: str) -> float:
        """Median, items a second."""
        return self.items / statistics.median(self.seconds[contender])

    def ratio(self, contender: str) -> float:
        """Median over the rounds of how many times faster ours was than a contender."""
        pairs = zip(self.seconds[contender], self.seconds[OURS], strict=True)
        return statistics.median(theirs / ours for theirs, ours in pairs)

    @property
    def fastest_peer(self) -> str:
        return max((name for name in self.seconds if not name.startswith(OURS)), key=self.speed)


def race(
    work: str,
    contenders: Mapping[str, Callable[[], object]],
    *,
    unit: str,
    items: int,
    rounds: int,
    goal: float | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Race:
    """Time contenders in turns, after one round that is not counted.

    Parameters
    ----------
    work
        What they do.
    contenders
        Name to a call that does it once; "clipmodel" must be among them.
    unit, items
        What a call counts, and how many of it.
    rounds
        Counted rounds; each begins with another contender.
    goal
        Times the speed of the fastest peer that ours is to reach.
    clock
        Seconds; for work in one process and thread `time.process_time`, which other work does not move.
    """
    names = list(contenders)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(-1, rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            started = clock()
            contenders[name]()
            if number >= 0:
                seconds[name].append(clock() - started)
    return Race(work=work, unit=unit, items=items, seconds=seconds, goal=goal)


@contextmanager
def one_thread() -> Iterator[None]:
    """All contenders compute in one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def matmul_peak(side: int = 2048, repeats: int = 12) -> float:
    """The machine's fp32 matrix multiply, operations a second: the best of several of square matrices."""
    a, b = torch.randn(side, side), torch.randn(side, side)
    out = torch.empty(side, side)
    best = float("inf")
    for _ in range(repeats):
        started = time.perf_counter()
        torch.mm(a, b, out=out)
        best = min(best, time.perf_counter() - started)
    return 2 * side**3 / best


def machine() -> str:
    """Date, processor, cores and versions, one line; no name of the machine."""
    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    today = datetime.datetime.now(datetime.UTC).date()
    load = f"load {os.getloadavg()[0]:.1f} at the end" if hasattr(os, "getloadavg") else ""
    return (
        f"{today}, {model}, {os.cpu_count()} cores, {load}; Python {platform.python_version()}, "
        f"torch {torch.__version__}, {torch.get_num_threads()} threads"
    )


HEADER = ("work", "contender", "a second", "ours is faster by", "goal")


def rows(races: Sequence[Race]) -> list[tuple[str, ...]]:
    """A line per contender, ours first."""
    lines: list[tuple[str, ...]] = []
    for one in races:
        for name in sorted(one.seconds, key=lambda name: (name != OURS, name)):
            ratio = "" if name == OURS else f"{one.ratio(name):.2f} x"
            goal = ""
            if one.goal is not None and name == one.fastest_peer:
                goal = f"{one.goal} x: {'met' if one.ratio(name) >= one.goal else 'missed'}"
            speed = f"{one.speed(name):,.1f} {one.unit}"
            lines.append((one.work if name == OURS else "", name, speed, ratio, goal))
    return lines


def asked_for_quick(description: str | None) -> bool:
    """Read the command line: --quick is the one option."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="little work, once: does it run? Writes nothing")
    return parser.parse_args().quick


def report(
    name: str | None,
    title: str,
    *,
    header: Sequence[str],
    lines: Sequence[Sequence[str]],
    notes: Sequence[str],
) -> None:
    """Print a table with its notes and write it to results/<name>.md, or nowhere without a name."""
    table = Table(*header, title=title)
    for line in lines:
        table.add_row(*line)
    console = Console()
    console.print(table)
    for note in notes:
        console.print(f"- {note}", markup=False)
    if name is None:
        return
    RESULTS.mkdir(exist_ok=True)
    text = [f"# {title}", "", machine(), "", f"`python -m benchmarks.{name}`", ""]
    text += [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    text += [f"| {' | '.join(line)} |" for line in lines]
    text += ["", *(f"- {note}" for note in notes), ""]
    (RESULTS / f"{name}.md").write_text("\n".join(text), encoding="utf-8")
