"""What is concluded from an audit's counts: rates, gaps, findings, verdicts, reports.

Nothing here but the command line imports torch: an audit can be read and recomputed without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audit.result import AuditResult

__all__ = ["AuditResult"]


def __getattr__(name: str) -> Any:
    # Loaded on first use: the command line imports this package, and its --help needs no scipy.
    if name == "AuditResult":
        from audit.result import AuditResult

        return AuditResult
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
