"""Seconds and memory of the default audit, phase by phase: with nothing cached, then with embeddings kept.

`python -m benchmarks.default_audit` runs `clip-audit run` in processes of their own, with their own cache,
and checks that all of them write the same audit.json. The phases are those of the command:

- start: the interpreter, the command line, the suite;
- ask: data set and model are loaded, images embedded or their embeddings read, everything scored;
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
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.recorded_lines import peak_mib

PHASES = ("start", "ask", "tables", "write", "report", "end")
_BEGUN, _MARKS = "CLIP_AUDIT_BENCHMARK_BEGUN", "CLIP_AUDIT_BENCHMARK_MARKS"


def cpu_seconds() -> float:
    """Of this process, all its threads and the processes that it forked, user and system together."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


@dataclass
class Stopwatch:
    """Wall and CPU seconds from one mark to the next.

    Attributes
    ----------
    begun
        When the process was started, in seconds of `time.time`.
    phases
        Name -> wall and CPU seconds, in the order of the marks.
    """

    begun: float
    phases: dict[str, tuple[float, float]] = field(default_factory=dict)

    def mark(self, phase: str) -> None:
        """Say that a phase has ended."""
        wall, cpu = (sum(part) for part in zip((0.0, 0.0), *self.phases.values(), strict=True))
        before = self.phases.get(phase, (0.0, 0.0))
        spent = time.time() - self.begun - wall, cpu_seconds() - cpu
        self.phases[phase] = before[0] + spent[0], before[1] + spent[1]

    def around(self, call: Callable[..., Any], *, before: str, phase: str) -> Callable[..., Any]:
        """The same call, which ends the phase before it and is one itself."""

        def timed(*args: Any, **named: Any) -> Any:
            self.mark(before)
            try:
                return call(*args, **named)
            finally:
                self.mark(phase)

        return timed


def timed_run(arguments: list[str]) -> None:
    """Run the command in this process, and write its phases and peak memory where the parent reads them."""
    watch = Stopwatch(begun=float(os.environ[_BEGUN]))
    from audit import report
    from audit.cli import app
    from audit.commands import run
    from audit.result import AuditResult

    made, written = AuditResult.from_records.__func__, AuditResult.write  # type: ignore[attr-defined]
    run._ask = watch.around(run._ask, before="start", phase="ask")
    AuditResult.from_records = classmethod(watch.around(made, before="ask", phase="tables"))  # type: ignore
    AuditResult.write = watch.around(written, before="tables", phase="write")  # type: ignore
    # The last step of the report, whose slow sections are drawn while the tables are written.
    report.fill_template = watch.around(report.fill_template, before="report", phase="report")  # type: ignore
    app(arguments, standalone_mode=False)
    watch.mark("end")
    found = {"phases": watch.phases, "peak": peak_mib()}
    Path(os.environ[_MARKS]).write_text(json.dumps(found), encoding="utf-8")


def audit(out: Path, cache: Path) -> dict[str, Any]:
    """The phases and the peak MiB of one run in a process of its own."""
    marks = out.with_suffix(".json")
    command = [
        sys.executable,
        "-c",
        "from benchmarks.default_audit import timed_run, sys; timed_run(sys.argv[1:])",
    ]
    command += ["run", "--out", str(out), "--cache", str(cache)]
    known = {_BEGUN: repr(time.time()), _MARKS: str(marks)}
    # Modules are compiled once and kept, as after an installation, even where the environment forbids it.
    told = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, stdout=subprocess.DEVNULL, env=told | known, check=False)
    if done.returncode:
        raise SystemExit(f"the audit failed with exit code {done.returncode}")
    found: dict[str, Any] = json.loads(marks.read_text(encoding="utf-8"))
    return found


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
