"""What a run would cost, before a model is loaded or an image read.

Times are processor seconds for the bundled model, measured on a server of 2024 by `python -m
benchmarks.cost_estimates`, which compares them with whole runs; a larger model takes longer for images and
prompts. Images that are stored already take none, as do predictions and embeddings from a file.
"""

from __future__ import annotations

from dataclasses import dataclass

from clipmodel.errors import UserError
from clipmodel.plurals import number_of
from probes.datasets.formats.embeddings import EmbeddedDataset
from probes.embeddings.folder import FolderDataset
from probes.planning.audit_plan import IMAGES_A_SECOND, SCORES_A_SECOND, TEXTS_A_SECOND, Plan, ProbePlan
from probes.records import attribute_column
from probes.rules.rule_registry import CURVE

# Rows of rates, with all that is concluded from them: tests, differences, curves, figures.
RATES_A_SECOND = 25
CURVE_POINTS_A_SECOND = 10_000
ROWS_A_SECOND = 15_000  # rows of the data, read, cleaned and counted
REPORT_SECONDS = 11.0  # of every run: loading the libraries, tables and report
BASE_BYTES, MODEL_BYTES = 440 << 20, 140 << 20  # the libraries; the bundled model at work
BYTES_A_CURVE_POINT, BYTES_A_RATE, BYTES_AN_IMAGE = 900, 3_000, 4_096
BYTES_A_THRESHOLD = 88_000  # of a curve: the draws of its simultaneous band, a few curves at a time
# Rows of the tables: about 18 GB of curves and 15 GB of rates at the bytes above.
MOST_CURVE_POINTS = 20_000_000
MOST_CURVE_THRESHOLDS = 200_000  # about 18 GB of the band of one curve
MOST_RATES = 5_000_000
MOST_PROMPTS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a run would take.

    Attributes
    ----------
    images, prompts
        To embed, each once.
    specifications
        Designs x templates x rules x thresholds, over all probes that classify.
    rates, curve_points
        Rows of the tables of rates and of threshold curves.
    seconds
        Of a processor, with the bundled model and nothing stored.
    peak_bytes
        Of memory.
    """

    images: int
    prompts: int
    specifications: int
    rates: int
    curve_points: int
    seconds: float
    peak_bytes: float

    @property
    def sentence(self) -> str:
        """The cost in words."""
        minutes = f"{self.seconds:,.0f} s" if self.seconds < 120 else f"{self.seconds / 60:,.0f} min"
        return (
            f"{number_of(self.images, 'image')} x {number_of(self.prompts, 'prompt')} x "
            f"{number_of(self.specifications, 'specification')}; "
            f"about {minutes} of processor time with the bundled model and "
            f"{self.peak_bytes / (1 << 30):.1f} GB of memory; longer with a larger model, "
            "shorter once images are stored"
        )


def estimate(planned: Plan) -> Cost:
    """The cost of a plan.

    Raises
    ------
    UserError
        It is beyond any use: more prompts, rates or points of curves than `MOST_PROMPTS` and its like.
    """
    suite = planned.suite
    curve_points = sum(_curve_points(one, suite.curve) for one in planned.probes)
    rates = sum(one.n_specifications * len(one.probe.outcomes) * _groups(one) for one in planned.probes)
    images, prompts = len(planned.rows), len(planned.texts)
    for n, most, what, remedy in (
        (prompts, MOST_PROMPTS, "prompts", "leave out words of slots, classes or designs"),
        (curve_points, MOST_CURVE_POINTS, "points of curves", "take a smaller 'curve' or fewer groups"),
        (suite.curve if curve_points else 0, MOST_CURVE_THRESHOLDS, "thresholds of a curve",
         "take a smaller 'curve'"),
        (rates, MOST_RATES, "rates", "leave out thresholds, templates, designs or groups"),
    ):  # fmt: skip
        # Before anything is embedded: a typing error in a suite ends in seconds, not after hours.
        if n > most:
            message = f"the suite {suite.suite!r} asks for {n:,} {what}; {most:,} are the most"
            raise UserError(message, remedy=remedy)
    scores = sum(one.n_scores for one in planned.probes)
    given = isinstance(planned.dataset, EmbeddedDataset | FolderDataset)
    seconds = (
        (0 if given else images / IMAGES_A_SECOND + prompts / TEXTS_A_SECOND)
        + len(planned.dataset) / ROWS_A_SECOND
        + scores / SCORES_A_SECOND
        + rates / RATES_A_SECOND
        + curve_points / CURVE_POINTS_A_SECOND
        + REPORT_SECONDS
    )
    return Cost(
        images=images,
        prompts=prompts,
        specifications=sum(one.n_specifications for one in planned.probes),
        rates=rates,
        curve_points=curve_points,
        seconds=seconds,
        peak_bytes=BASE_BYTES
        + (0 if given else MODEL_BYTES)
        + images * BYTES_AN_IMAGE
        + rates * BYTES_A_RATE
        + curve_points * BYTES_A_CURVE_POINT
        + (suite.curve * BYTES_A_THRESHOLD if curve_points else 0),
    )


def _groups(planned: ProbePlan) -> int:
    """Groups of all groupings, and all images."""
    cells = planned.selection.cells
    return 1 + sum(len(cells[list(by)].drop_duplicates()) for by in _columns(planned))


def _columns(planned: ProbePlan) -> list[list[str]]:
    """The columns of the cells that each grouping is by."""
    return [[attribute_column(name) for name in by] for by in planned.probe.groups]


def _curve_points(planned: ProbePlan, curve: int) -> int:
    """Points of the curves of every design, template, event and cell."""
    if CURVE.name not in planned.probe.rules:
        return 0
    events = max(len(planned.events(design)) for design in planned.designs)
    return len(planned.prompts) * events * len(planned.selection.cells) * curve
