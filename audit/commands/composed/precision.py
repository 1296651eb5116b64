"""Embedding with fewer bits or pixels: how far an audit's conclusions move, measured before it is allowed.

A sample of the images is embedded both ways and audited with the suite; the rates, gaps and findings of the
two audits are compared. What was measured stands in the notes of the data card, and so in every report.
"""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from clipmodel.errors import UserError
from clipmodel.plurals import number_of

if TYPE_CHECKING:
    import pandas as pd

    from audit.commands.composed.pixel_change import PixelChange
    from audit.result import AuditResult
    from clipmodel.loading import EmbeddingModel
    from probes.datasets import DemographicDataset

SAMPLE_IMAGES = 2000
ROUNDING = 1e-9  # of the difference of two rates
FP32 = "fp32"


class Decoding(StrEnum):
    """At which size JPEG files are decoded."""

    whole = "whole"
    scaled = "scaled"


class Precision(StrEnum):
    """Arithmetic of the image tower."""

    fp32 = "fp32"
    bf16 = "bf16"
    fp16 = "fp16"
    int8 = "int8"


@dataclass(frozen=True, kw_only=True)
class Reduced:
    """Which model, how its image tower computes, and whether JPEG files are decoded at a smaller scale."""

    model: str
    precision: Literal["fp32", "bf16", "fp16", "int8"]
    device: str = "cpu"
    compiled: bool = False
    scaled: bool = False

    @property
    def exact(self) -> bool:
        return self.precision == FP32 and not self.compiled and not self.scaled

    @property
    def name(self) -> str:
        """What the reduction is called, such as "bf16"."""
        from clipmodel.loading.reduced_precision import reduction_name

        return reduction_name(self.precision, compiled=self.compiled, scaled=self.scaled)

    @property
    def options(self) -> str:
        """What makes it differ from the exact model, as it is written on the command line."""
        precision = [] if self.precision == FP32 else [f"--precision {self.precision}"]
        return " ".join([*precision, *["--compile"] * self.compiled, *["--decode scaled"] * self.scaled])

    @property
    def remedy(self) -> str:
        """What to write in the place of `options`."""
        precision = [] if self.precision == FP32 else ["--precision fp32"]
        others = [*["no --compile"] * self.compiled, *["--decode whole"] * self.scaled]
        return f"use {' and '.join([*precision, *others])}"

    def load(self) -> EmbeddingModel:
        """The model, on its device."""
        from clipmodel.loading.device import usable_device
        from clipmodel.loading.reduced_precision import load_reduced

        device = usable_device(self.device)
        return load_reduced(
            self.model, device=device, precision=self.precision, compiled=self.compiled, scaled=self.scaled
        )


def open_source(data: str, reduced: Reduced) -> tuple[DemographicDataset, EmbeddingModel]:
    """Data set and model of a command line; a worker calls it in its own process."""
    from probes.datasets import load_dataset

    return load_dataset(data), reduced.load()


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """How far the conclusions of a reduced model are from those of the exact one.

    Attributes
    ----------
    rate, difference
        The largest change of a rate, and of a difference between groups; 0.01 is one percentage point.
    findings
        Findings of one audit that the other does not have.
    n_findings
        Of the exact model.
    n_images
        In the sample.
    pixels
        What decoding at a smaller scale did to the pixels; None without it.
    where
        Which rate changed most, in words.
    """

    rate: float
    difference: float
    findings: int
    n_findings: int
    n_images: int
    pixels: PixelChange | None = None
    where: str = ""

    def sentence(self, reduction: str) -> str:
        """What a reader of an audit must know."""
        scaled = "" if self.pixels is None else self.pixels.sentence
        exact = "fp32" if self.pixels is None else "fp32 and files decoded whole"
        # A group of four images moves by 25 points with one of them: the reader must see which group it was.
        where = f" ({self.where.removeprefix('; ')})" if self.where else ""
        return (
            f"The image tower computed in {reduction.removesuffix(' scaled')}.{scaled} On {self.n_images:,} "
            f"images, against {exact}, no rate changed by more than {100 * self.rate:.2f} points"
            f"{where}, no difference between groups by more than {100 * self.difference:.2f} points, and "
            f"{self.findings_words}."
        )

    @property
    def findings_words(self) -> str:
        """How many findings changed: one that came counts like one that went."""
        return f"{number_of(self.findings, 'finding')} came or went (the exact model has {self.n_findings})"


def deviation_notes(
    dataset: DemographicDataset, reduced: Reduced, *, suite: str | None, tolerance: float
) -> list[str]:
    """What is to be noted of a reduced model; nothing for the exact one.

    Raises
    ------
    UserError
        No suite is given to judge by, or the conclusions change by more than the tolerance.
    """
    if reduced.exact:
        return []
    if suite is None:
        raise UserError(
            f"{reduced.options}: the change of which conclusions is to be measured?",
            remedy="name the suite that will be asked, with --suite",
        )
    found = measure(dataset, reduced, suite=suite)
    # Findings must be the same, whatever the tolerance: they are what a reader acts on.
    if found.rate > tolerance + ROUNDING or found.findings:
        raise _refusal(found, reduced, suite=suite, tolerance=tolerance)
    return [found.sentence(reduced.name)]


def _refusal(found: Deviation, reduced: Reduced, *, suite: str, tolerance: float) -> UserError:
    """What to say of a reduced model whose conclusions are too far from those of the exact one."""
    allowed = math.ceil(1000 * (found.rate - ROUNDING)) / 1000
    more = f", or allow it with --tolerance {allowed:g}"
    return UserError(
        f"{reduced.options} changes what the suite {suite} concludes from {found.n_images:,} images: a rate "
        f"by up to {100 * found.rate:.2f} points (allowed {100 * tolerance:.2f}{found.where}), and "
        f"{found.findings_words}",
        remedy=reduced.remedy + ("; no tolerance lets findings change" if found.findings else more),
    )


def measure(
    dataset: DemographicDataset, reduced: Reduced, *, suite: str, most_images: int = SAMPLE_IMAGES
) -> Deviation:
    """Audit a sample of the images with the exact and with the reduced model, and compare."""
    from audit.commands.composed.pixel_change import pixel_change
    from audit.result import AuditResult
    from clipmodel.loading import load_model
    from clipmodel.loading.device import usable_device
    from probes.datasets.sample import SampledDataset
    from probes.embeddings.store import EmbeddingStore
    from probes.runner import run_suite
    from probes.suite.suite import load_suite

    questions, sample = load_suite(suite), SampledDataset(dataset, most_images)
    # A store of its own: embeddings of the two models must not come from earlier runs.
    with tempfile.TemporaryDirectory() as scratch:
        store = EmbeddingStore(Path(scratch))
        models = (load_model(reduced.model, device=usable_device(reduced.device)), reduced.load())
        exact, other = (
            AuditResult.from_records(run_suite(questions, model, sample, store=store)) for model in models
        )
    found = compare_results(exact, other, n_images=len(sample))
    return replace(found, pixels=pixel_change(sample, models[1])) if reduced.scaled else found


def compare_results(exact: AuditResult, other: AuditResult, *, n_images: int) -> Deviation:
    """The largest changes between two audits of the same images and the same suite."""
    before, after = (_found(result.findings) for result in (exact, other))
    return Deviation(
        rate=_largest(exact.rates["rate"], other.rates["rate"]),
        difference=_largest(exact.gaps["difference"], other.gaps["difference"]),
        # The symmetric difference: found by one and not by the other.
        findings=len(before ^ after),
        n_findings=len(before),
        n_images=n_images,
        where=_where_most(exact.rates, other.rates),
    )


def _found(findings: pd.DataFrame) -> set[tuple[str, ...]]:
    """What each finding says, without its number: one more finding renumbers those after it."""
    keys = [name for name in ("probe", "outcome", "by", "group", "reference") if name in findings]
    told = findings[keys].astype(str)
    if "difference" in findings:
        told = told.assign(less=(findings["difference"] < 0).astype(str))
    return set(told.itertuples(index=False, name=None))


def _where_most(exact: pd.DataFrame, other: pd.DataFrame) -> str:
    """The rate that changed most, to follow another word: "; harm among Black in the probe words, n 23"."""
    import numpy as np

    from audit.report.wording import group_name

    change = (exact["rate"] - other["rate"]).abs()
    if "outcome" not in exact or not change.max() > 0:
        return ""
    names = list(exact.columns)
    row = exact.iloc[int(np.nanargmax(change.to_numpy()))]
    group = group_name(row.to_dict(), names[names.index("outcome") + 1 : names.index("n")])
    return f"; {row['outcome']} among {group} in the probe {row['probe']}, n {row['n']:,}"


def _largest(first: object, second: object) -> float:
    import numpy as np

    change = np.abs(np.asarray(first, float) - np.asarray(second, float))
    return float(np.nanmax(change, initial=0.0)) if len(change) else 0.0
