"""Callbacks of training: hooks after each step, evaluators of the model at intervals."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pydantic import Field, model_validator

from clipmodel.yaml_models import StrictModel

# For types alone: loading imports libraries that a hook's author need not have.
if TYPE_CHECKING:
    from clipmodel.loading.embedding_model import LoadedModel

_EVERY = re.compile(r"\s*(\d+)\s*(epoch|step)s?\s*")


@dataclass(frozen=True, kw_only=True)
class StepReport:
    """What a hook is told after each step."""

    step: int  # steps done
    steps: int  # steps the run will have
    epoch: float  # passes over the data so far
    pairs: int  # of this step, all processes
    loss: float
    learning_rate: float
    logit_scale: float
    seconds: float  # this step took, waiting for data included
    data_seconds: float  # of them, waiting for data

    @property
    def images_per_second(self) -> float:
        return self.pairs / self.seconds


Hook = Callable[[StepReport], None]


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A figure that an evaluator found."""

    name: str
    value: float
    n: int  # images or texts behind it


class Every(StrictModel):
    """How often: "2 epochs", "100 steps"."""

    count: int = Field(ge=1)
    unit: Literal["epoch", "step"]

    @model_validator(mode="before")
    @classmethod
    def _from_words(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if not (found := _EVERY.fullmatch(value)):
            raise ValueError(f"expected a number of epochs or steps, such as '1 epoch', got {value!r}")
        return {"count": int(found[1]), "unit": found[2]}

    def due(self, step: int, *, epoch: float, epoch_before: float) -> bool:
        """Whether the last step done, which moved the run from one epoch to the other, completed a round."""
        if self.unit == "step":
            return step % self.count == 0
        # Compared by whole rounds: a step may pass the end of an epoch without landing on it.
        return epoch // self.count > epoch_before // self.count


class Evaluator(Protocol):
    """Something that evaluates the model in training at intervals; it must not change it.

    It is called in the first process alone, with a model in evaluation mode that has all its weights.
    """

    @property
    def every(self) -> Every: ...

    def begin(self, step: int) -> None:
        """The run begins, or resumes, after this many steps: what was kept of later ones is void."""

    def evaluate(self, report: StepReport, model: LoadedModel) -> Sequence[Measure]:
        """Evaluate the model; what is returned goes into the run's tables."""
