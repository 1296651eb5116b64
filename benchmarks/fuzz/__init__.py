"""Damaged and odd inputs: `python -m benchmarks.fuzz images --cases 100000` and the like.

Every case is drawn from a seed and its number, so one that fails can be made again. A case passes if it is
read, or refused with the tool's own error (`UserError`, or `UnreadableImageError` for an image). Any other
exception, or a case of more than ten seconds of processor time, is counted,
printed with its number, and makes the exit code 1.
The kinds:

- images: images of every format with bytes changed, cut, doubled or inserted;
- suites, cards, recipes: YAML with text or values changed; a suite that can be read is planned;
- tables: CSV, TSV and parquet with bytes, cells or names of columns changed, as images and as predictions;
- archives: npz and parquet files of embeddings, and shards of the store;
- audits: sound suites of every kind over odd data, from embeddings to the report, and compared;
- checkpoints: weights of every format, configurations, vocabularies.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.fuzz.damage import Case, damaged
from benchmarks.fuzz.fuzzed_audits import audit_case
from benchmarks.fuzz.fuzzed_checkpoints import checkpoint_case
from benchmarks.fuzz.fuzzed_documents import card_case, recipe_case, suite_case
from benchmarks.fuzz.fuzzed_images import image_case
from benchmarks.fuzz.fuzzed_tables import archive_case, table_case
from benchmarks.recorded_lines import peak_mib, record
from clipmodel.errors import UserError
from probes.datasets.demographic_dataset import UnreadableImageError

__all__ = ["KINDS", "Outcome", "damaged", "fuzz", "main"]

EXPECTED = (UserError, UnreadableImageError)
MOST_SECONDS = 10.0
HEADER = (
    "kind", "cases", "seed", "read", "refused", "uncaught", "slowest case, s", "peak MiB", "seconds",
)  # fmt: skip
KINDS: dict[str, Callable[[], Case]] = {
    "images": image_case,
    "suites": suite_case,
    "cards": card_case,
    "recipes": recipe_case,
    "tables": table_case,
    "archives": archive_case,
    "audits": audit_case,
    "checkpoints": checkpoint_case,
}


@dataclass
class Outcome:
    """What happened to the cases of one kind.

    Attributes
    ----------
    read, refused
        Cases that were sound enough, and cases with the tool's own error.
    uncaught
        Exception and place -> how often; cases that took too long are among them.
    slowest
        Processor seconds of the slowest case: on a busy machine the clock measures the other work.
    """

    read: int = 0
    refused: int = 0
    uncaught: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0

    @property
    def cases(self) -> int:
        return self.read + self.refused + self.uncaught.total()


def fuzz(kind: str, *, cases: int, seed: int = 0, first: int = 0) -> Outcome:
    """Run some cases of a kind.

    Parameters
    ----------
    kind
        One of `KINDS`.
    cases
        How many.
    seed, first
        Of the draws, and the number of the first case: `fuzz(kind, cases=1, first=n)` is case n again.
    """
    run, outcome = KINDS[kind](), Outcome()
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(first, first + cases):
            began = time.process_time()
            what = _tried(run, np.random.default_rng((seed, number)), Path(scratch), outcome)
            seconds = time.process_time() - began
            outcome.slowest = max(outcome.slowest, seconds)
            if what is None and seconds > MOST_SECONDS:
                what = f"more than {MOST_SECONDS:g} s"
            if what is not None:
                if not outcome.uncaught[what.partition(": ")[0]]:
                    print(f"{kind}, case {number}: {what}", flush=True)
                outcome.uncaught[what.partition(": ")[0]] += 1
    return outcome


def _tried(run: Case, rng: np.random.Generator, folder: Path, outcome: Outcome) -> str | None:
    """Count a case as read or refused; else the exception, its place and what it says."""
    try:
        run(rng, folder)
        outcome.read += 1
    except EXPECTED:
        outcome.refused += 1
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - what is looked for; a panic of Rust is no Exception
        place = traceback.extract_tb(error.__traceback__)[-1]
        name = f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
        return f"{name}: {str(error)[:200]}"
    return None


def main() -> int:
    """Read the command line, run, print a line per kind; the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=[*KINDS, "all"])
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument(
        "--record", action="store_true", help="write the counts to benchmarks/results/fuzz.md"
    )
    arguments = parser.parse_args()
    uncaught = 0
    for kind in KINDS if arguments.kind == "all" else [arguments.kind]:
        start = time.perf_counter()
        outcome = fuzz(kind, cases=arguments.cases, seed=arguments.seed, first=arguments.first)
        uncaught += outcome.uncaught.total()
        line = (
            kind, f"{arguments.cases:,}", str(arguments.seed), f"{outcome.read:,}", f"{outcome.refused:,}",
            f"{outcome.uncaught.total():,}", f"{outcome.slowest:.2f}", f"{peak_mib():,.0f}",
            f"{time.perf_counter() - start:,.0f}",
        )  # fmt: skip
        print("; ".join(f"{name} {value}" for name, value in zip(HEADER, line, strict=True)), flush=True)
        if arguments.record:
            record(line, header=HEADER, name="fuzz", title="Damaged and odd inputs")
    return 1 if uncaught else 0
