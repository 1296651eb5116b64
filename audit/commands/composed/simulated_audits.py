"""Whole audits of simulated predictions, read like a user's: in chunks that resume."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pandas as pd

from audit.calibration.bulk_audits import bulk_rows
from audit.calibration.detectable_gaps import DETECTABLE_COLUMNS, detectable_rows
from audit.calibration.scenarios import BY_NAME, Scenario, audit_seed, predictions_of, suite_of
from audit.calibration.whole_audits import ROW_COLUMNS, row_of
from audit.result import AuditResult
from clipmodel.atomic_files import replace_file

CHUNKS: Final = {"whole": 5, "bulk": 100, "detectable": 100}
"""Audits that are simulated, and written, together; of 20 probes, a fifth of them."""
Progress = Callable[[str, int, int], None]


def audit_of(scenario: Scenario, *, seed: int) -> AuditResult:
    """One audit: a table of predictions is written, read as `predictions:PATH`, asked and concluded from."""
    from probes.datasets import load_dataset
    from probes.embeddings.embed import EmbeddingStore
    from probes.embeddings.precomputed import precomputed_model
    from probes.runner import run_suite
    from probes.suite.suite import Suite

    with TemporaryDirectory(prefix="clip-audit-simulated-") as folder:
        file = Path(folder) / "predictions.parquet"
        predictions_of(scenario, seed=seed).to_parquet(file, index=False)
        dataset = load_dataset(f"predictions:{file}")
        model = precomputed_model(dataset)
        assert model is not None
        suite = Suite.model_validate(suite_of(scenario) | {"seed": seed})
        records = run_suite(suite, model, dataset, store=EmbeddingStore(Path(folder) / "store"))
    return AuditResult.from_records(records)


def simulated_rows(
    out: Path,
    *,
    kind: str,
    audits: int,
    seed: int = 0,
    scenarios: Sequence[str] | None = None,
    workers: int = 1,
    progress: Progress | None = None,
    make_missing: bool = True,
) -> pd.DataFrame:
    """Rows of `audits` audits of each scenario.

    Parameters
    ----------
    out
        Folder of the chunks, one file each; those that are there are not made again.
    kind
        "whole": read as a table of predictions, a row each of `whole_audits.row_of`; "bulk": the same rows
        from `bulk_audits`; "detectable": those of `detectable_gaps`.
    scenarios
        Names; all if left out.
    workers
        Processes.
    make_missing
        If not, only the chunks that are there are read.

    Returns
    -------
    The rows of all chunks, in the order of the scenarios.
    """
    out.mkdir(parents=True, exist_ok=True)
    # Scenarios in turn, so that an interrupted study holds some audits of each.
    chunks = sorted(
        (start, place, name)
        for place, name in enumerate(BY_NAME if scenarios is None else scenarios)
        for start in range(0, audits, _size(kind, name))
    )
    files = {
        (name, start): out / f"{kind}-{name.replace(' ', '-')}-{seed}-{start:06d}.csv"
        for start, _, name in chunks
    }
    wanted = {chunk: min(_size(kind, chunk[0]), audits - chunk[1]) for chunk in files}
    missing = [one for one, file in files.items() if _audits_in(file) < wanted[one]] if make_missing else []
    if missing:
        # Spawned, not forked: a fork copies the threads' locks of libraries in whatever state they are.
        context = get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=context, initializer=_one_thread) as pool:
            jobs = [
                pool.submit(_chunk, kind, name, start, wanted[name, start], seed, files[name, start])
                for name, start in missing
            ]  # fmt: skip
            for done, job in enumerate(as_completed(jobs), start=1):
                job.result()
                if progress:
                    progress(f"{kind} audits", done, len(jobs))
    tables = [pd.read_csv(file) for file in files.values() if file.is_file()]
    if not tables:
        return pd.DataFrame(columns=list(DETECTABLE_COLUMNS if kind == "detectable" else ROW_COLUMNS))
    return pd.concat(tables, ignore_index=True)


def _audits_in(file: Path) -> int:
    """Rows of a chunk: fewer than wanted where an earlier study was smaller; 0 without one."""
    return len(file.read_text(encoding="utf-8").splitlines()) - 1 if file.is_file() else 0


def _size(kind: str, scenario: str) -> int:
    return max(1, CHUNKS[kind] // (5 if BY_NAME[scenario].probes > 10 else 1))


def _one_thread() -> None:
    """Processes that share the cores work alone; read where the model's library is loaded, which is later."""
    os.environ["OMP_NUM_THREADS"] = "1"


def _chunk(kind: str, name: str, start: int, audits: int, seed: int, file: Path) -> None:
    scenario = BY_NAME[name]
    if kind == "bulk":
        table = bulk_rows(scenario, audits=audits, seed=seed, start=start)
    elif kind == "detectable":
        table = detectable_rows(scenario, audits=audits, seed=seed, start=start)
    else:
        rows = [
            row_of(audit_of(scenario, seed=audit_seed(seed, audit)), scenario, audit=audit)
            for audit in range(start, start + audits)
        ]
        table = pd.DataFrame(rows, columns=list(ROW_COLUMNS))
    # Whole or absent: an interrupted chunk must not be taken for a finished one.
    replace_file(file, lambda draft: draft.write(table.to_csv(index=False, lineterminator="\n").encode()))
