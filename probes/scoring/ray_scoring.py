"""Scoring by tasks of Ray: each counts a range of the images, and the counts are added up.

A task reads its embeddings itself, from files that every worker must reach; what passes through Ray are class
embeddings, rules and cells on the way out, counts and, where they are kept, a byte for each answer on the way
back. Ranges end where chunks of the plain path do, so that every product has the same shape and the counts
are the same to the last one.

N images, G cells.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any, Final

import numpy as np

from clipmodel.errors import UserError
from clipmodel.ray_session import import_ray, ray_session
from probes.embeddings.embedded_images import LazyRows
from probes.scoring.count_accumulator import Counts
from probes.scoring.design_scores import Head
from probes.scoring.engine import CHUNK_IMAGES, PromptConfiguration, Question, Rows, score
from probes.scoring.outcome_bits import OutcomeBits
from probes.scoring.threshold_ranks import RankLog

__all__ = ["RangeTask", "RayScorer", "ray_scorer"]

RANGE_IMAGES: Final = 32 * CHUNK_IMAGES
"""Images of a task at most: 270 MB of embeddings of 512 numbers pass through it, a chunk at a time."""
RANGES_PER_WORKER: Final = 4
"""So that no worker is idle while another has much left."""
AHEAD: Final = 2
"""Tasks for each worker that Ray holds at a time: the results of more would fill its memory."""
RETRIES: Final = 3
"""Of a task whose worker died."""


@dataclass(frozen=True, kw_only=True)
class RangeTask:
    """What is the same for all ranges of one probe.

    Attributes
    ----------
    class_embeddings, configurations, n_cells, head, question
        As for `probes.scoring.engine.score`.
    log, ranks
        Of no images: what is to be kept of each image of a range; None if nothing is.
    """

    class_embeddings: np.ndarray
    configurations: Sequence[PromptConfiguration]
    n_cells: int
    head: Head
    question: Question
    log: OutcomeBits | None
    ranks: RankLog | None

    def of_range(self, images: Rows, cells: np.ndarray) -> RangeResult | UserError:
        """The counts of a range of the images; what went wrong is a value, since Ray wraps exceptions."""
        log = None if self.log is None else self.log.of_images(len(cells))
        ranks = None if self.ranks is None else self.ranks.of_images(len(cells))
        try:
            counts = score(
                images, self.class_embeddings, self.configurations, cells=cells, n_cells=self.n_cells,
                head=self.head, question=self.question, log=log, ranks=ranks,
            )  # fmt: skip
        except UserError as error:
            return error
        return RangeResult(
            counts=counts, characters=None if log is None else log.characters,
            ranks={} if ranks is None else {name: np.asarray(own) for name, own in ranks.ranks.items()},
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RangeResult:
    """What a task hands back: counts, and the answers of its images for `OutcomeBits` and `RankLog`."""

    counts: list[Counts]
    characters: np.ndarray | None
    ranks: Mapping[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class RayScorer:
    """`probes.scoring.engine.score` by tasks of Ray; it takes the same arguments but chunk and device.

    Attributes
    ----------
    ray
        The module, with a session.
    workers
        Tasks that run at a time.
    """

    ray: Any
    workers: int

    def __call__(
        self,
        images: Rows,
        class_embeddings: np.ndarray,
        configurations: Sequence[PromptConfiguration],
        *,
        cells: np.ndarray,
        n_cells: int,
        head: Head,
        question: Question,
        log: OutcomeBits | None = None,
        ranks: RankLog | None = None,
        device: str = "cpu",
    ) -> list[Counts]:
        """One `Counts` for each prompt configuration.

        Raises
        ------
        UserError
            A task could not read its embeddings, or `device` is another than the CPU.
        """
        if device != "cpu":
            raise UserError(f"tasks of Ray score on CPUs, not on {device!r}", remedy="leave --device out")
        task = RangeTask(
            class_embeddings=class_embeddings, configurations=configurations, n_cells=n_cells, head=head,
            question=question, log=None if log is None else log.of_images(0),
            ranks=None if ranks is None else ranks.of_images(0),
        )  # fmt: skip
        parts: list[list[Counts]] = []
        for place, result in self._results(task, images, cells):
            parts.append(result.counts)
            if log is not None and result.characters is not None:
                log.characters[:, place] = result.characters
            if ranks is not None:
                for name, own in result.ranks.items():
                    ranks.ranks[name][:, :, place] = own
        # Counts are whole numbers: the order in which tasks end does not matter.
        return [reduce(add, of_one) for of_one in zip(*parts, strict=True)]

    def _results(
        self, task: RangeTask, images: Rows, cells: np.ndarray
    ) -> Iterator[tuple[slice, RangeResult]]:
        """The results as they come, each with the images that it is of."""
        work = self.ray.remote(num_cpus=1, max_retries=RETRIES)(_of_range)
        shared, pending = self.ray.put(task), {}
        waiting = iter(ranges(len(cells), workers=self.workers))

        def start() -> None:
            place = next(waiting, None)
            if place is not None:
                pending[work.remote(shared, _rows_of(images, place), cells[place])] = place

        for _ in range(AHEAD * self.workers):
            start()
        while pending:
            done, _ = self.ray.wait(list(pending), num_returns=1)
            place, result = pending.pop(done[0]), self.ray.get(done[0])
            if isinstance(result, UserError):
                raise result
            start()
            yield place, result


def _of_range(task: RangeTask, images: Rows, cells: np.ndarray) -> RangeResult | UserError:
    return task.of_range(images, cells)


def _rows_of(images: Rows, place: slice) -> Rows:
    """A range of the images: of those in a folder or the store, only where they lie."""
    if isinstance(images, np.ndarray):
        return images[place]
    lazy: LazyRows = images  # type: ignore[assignment]  # Rows that are no array can be taken from
    return lazy.take(np.arange(place.start, place.stop))


def ranges(n_images: int, *, workers: int) -> list[slice]:
    """Ranges of N images that begin and end where chunks do; one range if there are no images.

    Examples
    --------
    >>> ranges(10_000, workers=1)
    [slice(0, 4096, None), slice(4096, 8192, None), slice(8192, 10000, None)]
    """
    chunks = -(-n_images // CHUNK_IMAGES)
    most = RANGE_IMAGES // CHUNK_IMAGES
    step = CHUNK_IMAGES * max(1, min(most, chunks // (RANGES_PER_WORKER * workers)))
    starts = range(0, max(n_images, 1), step)
    return [slice(start, min(start + step, n_images)) for start in starts]


@contextmanager
def ray_scorer(workers: int) -> Iterator[RayScorer]:
    """A scorer whose tasks run on the cluster in RAY_ADDRESS, or in so many workers of this machine.

    Raises
    ------
    UserError
        Ray is not installed.
    """
    ray = import_ray()
    with ray_session(ray, workers):
        yield RayScorer(ray=ray, workers=workers)
