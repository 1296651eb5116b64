"""The sections of the report, in order. A new one is a module here, a template, and a line in `SECTIONS`."""

from __future__ import annotations

from typing import Final

from audit.report.section import Section
from audit.report.sections import (
    accuracy,
    annotators,
    changes,
    designs,
    exclusions,
    explorer,
    findings,
    gates,
    measures,
    method,
    other_group_tables,
    overview,
    published,
    questions,
    rates_and_gaps,
    reading,
    specification_curves,
    thresholds,
    trends,
)

__all__ = ["SECTIONS"]

SECTIONS: Final[tuple[Section, ...]] = (
    overview.SECTION,
    gates.SECTION,
    findings.SECTION,
    explorer.SECTION,
    questions.SECTION,
    published.SECTION,
    accuracy.SECTION,
    rates_and_gaps.SECTION,
    other_group_tables.SECTION,
    specification_curves.SECTION,
    trends.SECTION,
    annotators.SECTION,
    changes.SECTION,
    designs.SECTION,
    thresholds.SECTION,
    measures.SECTION,
    exclusions.SECTION,
    reading.SECTION,
    method.SECTION,
)
