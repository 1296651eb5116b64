"""What is concluded from an audit's counts: rates, gaps, findings, verdicts, reports.

Nothing here but the command line imports torch: an audit can be read and recomputed without it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audit.comparison.compare import compare
    from audit.fairlearn_bridge import audit_of_predictions, metric_frame
    from audit.report import render_report
    from audit.result import AuditResult

__all__ = ["AuditResult", "audit_of_predictions", "compare", "metric_frame", "render_report"]

_HOMES = {
    "AuditResult": "audit.result",
    "audit_of_predictions": "audit.fairlearn_bridge",
    "compare": "audit.comparison.compare",
    "metric_frame": "audit.fairlearn_bridge",
    "render_report": "audit.report",
}


def __getattr__(name: str) -> Any:
    # Loaded on first use: the command line imports this package, and its --help needs no scipy.
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
