"""Who makes the parts of a folder of embeddings: this process, processes of torchrun, or workers of Ray.

All of them make the same parts from the same job, skip those that are finished, and may be killed at any
time. Between them they share the folder and nothing else.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clipmodel.errors import UserError
from clipmodel.loading import EmbeddingModel
from clipmodel.progress import Progress
from clipmodel.ray_session import import_ray, ray_session
from probes.datasets.demographic_dataset import DemographicDataset
from probes.embeddings.folder import Job, read_part_manifest
from probes.embeddings.parts import make_part, unfinished_parts

Opener = Callable[[], tuple[DemographicDataset, EmbeddingModel]]
RESTARTS = 3  # of all torchrun processes after one died
BLOCKS_PER_WORKER = 16  # so that no worker of Ray is idle while another has much left


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """A folder, its job, and how a worker opens the data set and the model.

    Attributes
    ----------
    open
        Loads data set and model; it is pickled for the workers of Ray.
    allow_missing
        As for `probes.embeddings.parts.make_part`.
    """

    folder: Path
    job: Job
    open: Opener
    allow_missing: bool = False

    def make(self, numbers: Sequence[int], progress: Progress | None = None) -> None:
        """Make parts in this process, one after another."""
        if not numbers:
            return
        dataset, model = self.open()
        finished = self.job.n_parts - len(numbers)
        for done, number in enumerate(numbers, start=1):
            make_part(
                self.folder, self.job, number,
                dataset=dataset, model=model, allow_missing=self.allow_missing,
            )  # fmt: skip
            if progress:
                progress("parts", finished + done, self.job.n_parts)


def share_of_rank(numbers: Sequence[int], environment: Mapping[str, str]) -> list[int]:
    """The parts of one process of torchrun, which tells it by RANK and WORLD_SIZE.

    By their numbers, not their places in the list: processes list what is unfinished at different times.
    """
    rank, world = int(environment["RANK"]), int(environment["WORLD_SIZE"])
    return [number for number in numbers if number % world == rank]


def run_torchrun(command: Sequence[str], *, workers: int) -> None:
    """Start processes of torchrun on this machine; all of them start again if one dies.

    Parameters
    ----------
    command
        What follows `python` in each process, such as ["-m", "audit.cli", "embed", ...].
    workers
        Their number.

    Raises
    ------
    UserError
        They failed for good; what a process had to say stands on standard error.
    """
    launcher = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(workers),
        "--max-restarts", str(RESTARTS), "--monitor-interval", "0.2", *command,
    ]  # fmt: skip
    # Standard output is dropped because every process would print the same progress; errors go to stderr.
    done = subprocess.run(launcher, check=False, stdout=subprocess.DEVNULL)
    if done.returncode:
        raise UserError(
            f"torchrun ended with exit code {done.returncode}; finished parts are kept",
            remedy="see above what its processes said, and run the same command again",
        )


class PartMaker:
    """A worker of Ray: it opens the data set and the model once, then makes the parts it is given."""

    def __init__(self, place: Workplace) -> None:
        self._place = place
        self._dataset, self._model = place.open()

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        """Numbers of parts to their state: an empty text, or what went wrong and what to do about it."""
        told: list[list[str]] = [self._make(int(number)) for number in batch["number"]]
        return {
            "number": list(batch["number"]),
            "message": [m for m, _ in told],
            "remedy": [r for _, r in told],
        }

    def _make(self, number: int) -> list[str]:
        # A block that is run again after a death has parts that were finished before it.
        if read_part_manifest(self._place.folder, number) is not None:
            return ["", ""]
        try:
            make_part(
                self._place.folder, self._place.job, number,
                dataset=self._dataset, model=self._model, allow_missing=self._place.allow_missing,
            )  # fmt: skip
        except UserError as error:
            return [error.message, error.remedy or ""]
        return ["", ""]


def run_ray(
    place: Workplace,
    numbers: Sequence[int],
    *,
    workers: int,
    gpus: float = 0,
    progress: Progress | None = None,
) -> None:
    """Make parts with Ray Data: on the cluster in RAY_ADDRESS, or with workers on this machine.

    Parameters
    ----------
    place, numbers
        What to make. Parts must not be finished and damaged: a worker skips a part that has a manifest.
    workers
        Processes that embed, each with a logical CPU.
    gpus
        Of each worker.

    Raises
    ------
    UserError
        Ray is not installed, or a worker met a user's mistake.
    """
    ray = import_ray()
    # Starting Ray takes seconds, so not for nothing.
    if not numbers:
        return
    finished = place.job.n_parts - len(numbers)
    importlib.import_module("ray.data")
    with ray_session(ray, workers):
        ray.data.DataContext.get_current().enable_progress_bars = False
        blocks = min(len(numbers), BLOCKS_PER_WORKER * workers)
        parts = ray.data.from_items([{"number": n} for n in numbers], override_num_blocks=blocks)
        # Actors rather than tasks: each loads the model once and keeps it.
        made = parts.map_batches(
            PartMaker, fn_constructor_args=(place,), batch_size=1, num_cpus=1, num_gpus=gpus,
            compute=ray.data.ActorPoolStrategy(size=workers),
        )  # fmt: skip
        for done, row in enumerate(made.iter_rows(), start=1):
            if row["message"]:
                # Messages travel as values: an exception in a worker comes back inside a trace of Ray.
                raise UserError(row["message"], remedy=row["remedy"] or None)
            if progress:
                progress("parts", finished + done, place.job.n_parts)


def missing_after(place: Workplace) -> list[int]:
    """Parts that are still not finished; what an engine left undone."""
    # Sizes suffice here: checksums were verified before the run, and are again when a part is read.
    return unfinished_parts(place.folder, place.job, verify=False)
