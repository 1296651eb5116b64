"""Whole audits of simulated predictions, through the same door as a user's: in chunks that resume."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from audit.calibration.scenarios import BY_NAME, Scenario, audit_seed, predictions_of, suite_of
from audit.calibration.whole_audits import ROW_COLUMNS, row_of
from audit.result import AuditResult
from clipmodel.atomic_files import replace_file

CHUNK = 10
"""Audits that are simulated, and written, together."""
Progress = Callable[[str, int, int], None]


def audit_of(scenario: Scenario, *, seed: int) -> AuditResult:
    """One audit: a table of predictions is written, read as `predictions:PATH`, asked and concluded from."""
    from probes.datasets import load_dataset
    from probes.embeddings.embed import EmbeddingStore
    from probes.embeddings.precomputed import given_model
    from probes.runner import run_suite
    from probes.suite.suite import Suite

    with TemporaryDirectory(prefix="clip-audit-simulated-") as folder:
        file = Path(folder) / "predictions.parquet"
        predictions_of(scenario, seed=seed).to_parquet(file, index=False)
        dataset = load_dataset(f"predictions:{file}")
        model = given_model(dataset)
        assert model is not None
        suite = Suite.model_validate(suite_of(scenario) | {"seed": seed})
        records = run_suite(suite, model, dataset, store=EmbeddingStore(Path(folder) / "store"))
    return AuditResult.from_records(records)


def simulated_rows(
    out: Path,
    *,
    audits: int,
    seed: int = 0,
    scenarios: Sequence[str] | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Rows of `audits` audits of each scenario.

    Parameters
    ----------
    out
        Folder of the chunks, one file each; those that are there are not made again.
    scenarios
        Names; all if left out.
    workers
        Processes.

    Returns
    -------
    Columns `whole_audits.ROW_COLUMNS`.
    """
    out.mkdir(parents=True, exist_ok=True)
    names = list(scenarios or BY_NAME)
    # Scenarios in turn, so that an interrupted study holds some audits of each.
    chunks = [(name, start) for start in range(0, audits, CHUNK) for name in names]
    files = {chunk: out / f"{chunk[0].replace(' ', '-')}-{seed}-{chunk[1]:06d}.csv" for chunk in chunks}
    missing = [chunk for chunk, file in files.items() if not file.is_file()]
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_one_thread) as pool:
        jobs = [
            pool.submit(_chunk, *chunk, min(CHUNK, audits - chunk[1]), seed, files[chunk])
            for chunk in missing
        ]
        for done, job in enumerate(as_completed(jobs), start=1):
            job.result()
            if progress:
                progress("simulated audits", done, len(jobs))
    tables = [pd.read_csv(file) for file in files.values()]
    return pd.concat(tables, ignore_index=True)[list(ROW_COLUMNS)]


def _one_thread() -> None:
    """Processes that share the cores work alone; read where the model's library is loaded, which is later."""
    os.environ["OMP_NUM_THREADS"] = "1"


def _chunk(name: str, start: int, audits: int, seed: int, file: Path) -> None:
    scenario = BY_NAME[name]
    rows = []
    for audit in range(start, start + audits):
        result = audit_of(scenario, seed=audit_seed(seed, audit))
        rows.append(row_of(result, scenario, audit=audit))
    table = pd.DataFrame(rows, columns=list(ROW_COLUMNS))
    replace_file(file, lambda draft: draft.write(table.to_csv(index=False, lineterminator="\n").encode()))
