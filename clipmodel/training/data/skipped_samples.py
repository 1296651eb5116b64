"""What was skipped, by reason, and the limit at which that stops the run."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from clipmodel.errors import UserError
from clipmodel.training.data.sources.source import Skipped, Source

LOG = logging.getLogger(__name__)
# A few bad samples among the first would otherwise be a large share and stop a good run.
FLOOR_SAMPLES, FLOOR_SHARDS = 1000, 100  # a share is never taken of fewer
_TOLD_ONE_BY_ONE = 5  # of a reason; then at each doubling of their number


@dataclass(frozen=True, kw_only=True)
class SkippedCounts:
    """What was read and skipped up to some step; those of processes, and of parts of a run, are added up.

    A sample counts at each visit, a shard once.
    """

    read: int = 0  # samples used
    samples: Mapping[str, int] = field(default_factory=dict)  # skipped, by reason
    shards: Mapping[str, str] = field(default_factory=dict)  # reason, by name of the shard

    def __add__(self, other: SkippedCounts) -> SkippedCounts:
        return SkippedCounts(
            read=self.read + other.read,
            samples=dict(Counter(self.samples) + Counter(other.samples)),
            shards={**self.shards, **other.shards},
        )

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        return cls(**state)

    def to_state(self) -> dict[str, Any]:
        """Plain values, for a checkpoint."""
        return asdict(self)

    def summary(self, unusable: Iterable[Skipped]) -> dict[str, Any]:
        """For people: how many were read, and what was skipped, by reason.

        Parameters
        ----------
        unusable
            What was left out for good when the source was opened, such as malformed rows.
        """
        return {
            "read": self.read,
            "samples": dict(sorted(self.samples.items())),
            "shards": dict(sorted(Counter(self.shards.values()).items())),
            "rows": dict(sorted(Counter(item.reason for item in unusable).items())),
        }


class SkipCount:
    """Samples read and skipped so far.

    Parameters
    ----------
    limit
        Below 1 a share, of the samples visited and of the shards there are; from 1 on a number of both.
    source
        Where they come from.
    quiet
        Count without a log: the workers' own copies.
    """

    def __init__(self, limit: float, source: Source, *, quiet: bool = False) -> None:
        self._limit, self._source, self._quiet = limit, source, quiet
        self.read = 0  # samples used
        self.samples: Counter[str] = Counter()  # skipped, by reason
        self.shards: Counter[str] = Counter()
        self._broken: dict[str, str] = {}  # reason by name; each pass meets them again

    def add(self, used: int, skipped: Sequence[Skipped]) -> None:
        """Count some more.

        Raises
        ------
        UserError
            More than the limit was skipped; the message has the reasons and the last item.
        """
        self.read += used
        for item in skipped:
            counter = self.shards if item.is_shard else self.samples
            # A broken shard is met again in every pass and is still one shard.
            if item.is_shard and item.key in self._broken:
                continue
            if item.is_shard:
                self._broken[item.key] = item.reason
            counter[item.reason] += 1
            self._tell(item, counter[item.reason])
        if skipped and self._too_many():
            raise UserError(
                f"{self._source.name}: too much of the data cannot be used: {self.summary()}; "
                f"the last is {_told(skipped[-1])}",
                remedy="repair the data, or raise data.loading.max_skipped",
            )

    def counts(self) -> SkippedCounts:
        """The count as it stands; what is counted later does not change it."""
        return SkippedCounts(read=self.read, samples=dict(self.samples), shards=dict(self._broken))

    def summary(self) -> str:
        """One line for people, empty where nothing was skipped."""
        reasons = [f"{reason} {count:,}" for reason, count in (self.samples + self.shards).most_common()]
        return f"{', '.join(reasons)}, beside {self.read:,} samples read" if reasons else ""

    def _too_many(self) -> bool:
        samples, shards = self.samples.total(), self.shards.total()
        if self._limit >= 1:
            return samples + shards > self._limit
        seen = max(FLOOR_SAMPLES, self.read + samples)
        return samples > self._limit * seen or shards > self._limit * max(FLOOR_SHARDS, self._source.shards)

    def _tell(self, item: Skipped, number: int) -> None:
        if self._quiet:
            return
        if number <= _TOLD_ONE_BY_ONE:
            LOG.warning("skipped: %s", _told(item))
        # A power of two has one bit: the log grows with the logarithm of what is skipped.
        elif number & (number - 1) == 0:
            LOG.warning("skipped so far: %s", self.summary())


def _told(item: Skipped) -> str:
    return f"{item.key}: {item.reason}" + (f" ({item.detail})" if item.detail else "")
