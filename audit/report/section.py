"""What a section of the report is, and what it is made from.

A section is one module of `audit.report.sections` that ends in a `Section`, one template, and one line of the
registry `audit.report.sections.SECTIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from audit import formatting as fmt
from audit.conclusions.overview import Cell, overview_cells
from audit.report import components
from audit.result import AuditResult


@dataclass(frozen=True, kw_only=True)
class ReportContext:
    """One audit on its way to a page.

    Attributes
    ----------
    result
        The audit; every number on the page is one of its frames.
    run_info
        What run.json holds; empty if it is not known.
    """

    result: AuditResult
    run_info: Mapping[str, Any] = field(default_factory=dict)

    @property
    def probes(self) -> Sequence[Mapping[str, Any]]:
        """The probes of the manifest, in the order of the suite."""
        return self.result.manifest["probes"]

    @cached_property
    def titles(self) -> Mapping[tuple[str, str], str]:
        """Probe and outcome in words, by their names."""
        return {
            (probe["name"], outcome["name"]): f"{probe['title']}, {fmt.words(outcome['title'])}"
            for probe in self.probes
            for outcome in probe["outcomes"]
        }

    @cached_property
    def cells(self) -> Sequence[Cell]:
        """The cells of the overview that are about people."""
        gaps = self.result.gaps
        people = gaps.loc[components.of_people(gaps, self.result.manifest), "by"].unique().tolist()
        return overview_cells(self.result, groupings=people)

    def probe(self, name: str) -> Mapping[str, Any]:
        """Return a probe by its name."""
        return next(probe for probe in self.probes if probe["name"] == name)


@dataclass(frozen=True, kw_only=True)
class Section:
    """A section of the report.

    Attributes
    ----------
    id
        Its anchor.
    title, label
        Its heading, and its entry in the contents.
    template
        File of `audit/report/templates`, rendered with `content`.
    build
        Its plain values; None leaves the section out.
    folded
        Whether it waits to be opened, as evidence behind the first screen.
    """

    id: str
    title: str
    label: str
    template: str
    build: Callable[[ReportContext], Any]
    folded: bool = True
