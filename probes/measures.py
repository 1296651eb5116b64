"""The YAML of probes that are no classification, a model a kind; `probes.kinds` says how each is run."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from probes.probe_base import ProbeBase


class Markedness(ProbeBase):
    """How often a picture is nearer to the bare word for a person than to any prompt that names its group."""

    kind: Literal["markedness"]
    neutral: str = Field(default="a photo of a person", min_length=1, description="The bare prompt.")
    marked: list[str] = Field(min_length=1, description="Prompts that name groups.")


MEASURE_PROBES: tuple[type[ProbeBase], ...] = (Markedness,)
"""Every kind but "classification", which is `probes.classification.Probe`."""
