"""What is concluded from an audit's counts: rates, gaps, findings, verdicts, reports.

Nothing here but the command line imports torch: an audit can be read and recomputed without it.
"""

from __future__ import annotations

from clipmodel.lazy_names import lazy_names

TYPE_CHECKING = False  # not from `typing`, see `lazy_names`
if TYPE_CHECKING:
    from audit.comparison.compare import compare
    from audit.fairlearn_bridge import audit_of_predictions, metric_frame
    from audit.report import render_report
    from audit.result import AuditResult

__all__ = ["AuditResult", "audit_of_predictions", "compare", "metric_frame", "render_report"]

# The command line imports this package, and its --help needs no scipy.
__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "AuditResult": "audit.result",
        "audit_of_predictions": "audit.fairlearn_bridge",
        "compare": "audit.comparison.compare",
        "metric_frame": "audit.fairlearn_bridge",
        "render_report": "audit.report",
    },
)
