"""Seconds and memory of the default audit, phase by phase: with nothing cached, then with embeddings kept.

`python -m benchmarks.default_audit` runs `clip-audit run` in processes of their own, with their own cache,
and checks that all of them write the same audit.json. The phases are those of the command:

- start: the interpreter, the command line, the suite, the data set;
- ask: the model is loaded, images embedded or their embeddings read, everything scored;
- load: what the rest needs is imported: by another process, if there are two cores, while this one asks, so
  that its wall seconds are only those in which one waits for the other;
- tables: `AuditResult.from_records`;
- write: the tables and audit.json;
- report: figures and the page;
- end: the closing summary, and leaving.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

PHASES = ("start", "ask", "load", "tables", "write", "report", "end")
_MARKS = "CLIP_AUDIT_BENCHMARK_MARKS"


def cpu_seconds(who: int) -> float:
    """Of this process with all its threads, or of the processes that it forked and waited for."""
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def mark(phase: str) -> None:
    """Note that a phase has ended in this process: its number, the time, its CPU seconds, its peak in KiB."""
    own, children = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    peak = max(resource.getrusage(who).ru_maxrss for who in (own, children))
    line = [phase, os.getpid(), time.time(), cpu_seconds(own), cpu_seconds(children), peak]
    with Path(os.environ[_MARKS]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def seconds_of(marks: Iterable[list[Any]], *, begun: float) -> dict[str, tuple[float, float]]:
    """Wall and CPU seconds by phase, from what `mark` noted in one process or two.

    Parameters
    ----------
    marks
        In the order of their times.
    begun
        When the first process was started.

    Examples
    --------
    >>> seconds_of([["ask", 1, 12.0, 1.5, 0.0, 0], ["tables", 2, 13.0, 4.0, 1.0, 0]], begun=10.0)
    {'ask': (2.0, 1.5), 'tables': (1.0, 5.0)}
    """
    listed = list(marks)
    several = len({pid for _, pid, *_ in listed}) > 1
    spent: dict[int, float] = {}
    phases: dict[str, tuple[float, float]] = {}
    for phase, pid, now, own, children, _ in listed:
        # The first process waits for the second, whose seconds are marked by itself.
        cpu = own if several and pid == listed[0][1] else own + children
        wall, before = phases.get(phase, (0.0, 0.0))
        phases[phase] = wall + now - begun, before + cpu - spent.get(pid, 0.0)
        begun, spent[pid] = now, cpu
    return phases


def around(call: Callable[..., Any], *, phase: str, before: str | None = None) -> Callable[..., Any]:
    """The same call, which is a phase, and may end the one before it."""

    def timed(*args: Any, **named: Any) -> Any:
        if before is not None:
            mark(before)
        try:
            return call(*args, **named)
        finally:
            mark(phase)

    return timed


def timed_run(arguments: list[str]) -> None:
    """Run the command, and note its phases where the parent reads them."""
    from audit.cli import app
    from audit.commands import run

    concluded = run._conclude

    def conclude(*args: Any) -> None:
        # In the process that has imported the rest, whichever it is.
        from audit import report
        from audit.result import AuditResult

        mark("load")
        made, written = AuditResult.from_records.__func__, AuditResult.write  # type: ignore[attr-defined]
        AuditResult.from_records = classmethod(around(made, phase="tables"))  # type: ignore
        AuditResult.write = around(written, phase="write")  # type: ignore
        # The last step of the report, whose slow sections are drawn while the tables are written.
        report.fill_template = around(report.fill_template, phase="report")  # type: ignore
        concluded(*args)
        mark("end")

    run._ask = around(run._ask, before="start", phase="ask")
    run._conclude = conclude
    app(arguments, standalone_mode=False)
    mark("end")


def audit(out: Path, cache: Path) -> dict[str, Any]:
    """The phases and the peak MiB of one run in a process of its own."""
    marks, begun = out.with_suffix(".marks"), time.time()
    command = [
        sys.executable,
        "-c",
        "from benchmarks.default_audit import timed_run, sys; timed_run(sys.argv[1:])",
    ]
    command += ["run", "--out", str(out), "--cache", str(cache)]
    known = {_MARKS: str(marks)}
    # Modules are compiled once and kept, as after an installation, even where the environment forbids it.
    told = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, stdout=subprocess.DEVNULL, env=told | known, check=False)
    if done.returncode:
        raise SystemExit(f"the audit failed with exit code {done.returncode}")
    listed = sorted(map(json.loads, marks.read_text(encoding="utf-8").splitlines()), key=lambda one: one[2])
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return {
        "phases": seconds_of(listed, begun=begun),
        "peak": max(one[-1] for one in listed) / unit,
    }


def row(name: str, found: dict[str, Any]) -> str:
    """One run as a row: CPU seconds and wall seconds of each phase and of all, and the peak."""
    parts = [found["phases"].get(phase, (0.0, 0.0)) for phase in PHASES]
    whole = tuple(sum(each) for each in zip(*parts, strict=True))
    cells = [f"{cpu:.1f} / {wall:.1f}" for wall, cpu in (*parts, whole)]
    return f"| {name} | {' | '.join(cells)} | {found['peak']:,.0f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--warm", type=int, default=3, help="runs with the embeddings kept")
    options = parser.parse_args()
    print("CPU seconds / wall seconds\n")
    print(f"| run | {' | '.join((*PHASES, 'all'))} | peak MiB |\n|---|{'---:|' * (len(PHASES) + 2)}")
    with tempfile.TemporaryDirectory() as folder:
        written = set()
        for number in range(1 + options.warm):
            out = Path(folder) / f"run-{number}"
            found = audit(out, Path(folder) / "cache")
            written.add((out / "audit.json").read_bytes())
            print(row(f"warm, {number}" if number else "cold", found), flush=True)
    if len(written) > 1:
        raise SystemExit("the runs wrote different audit.json")


if __name__ == "__main__":
    main()
