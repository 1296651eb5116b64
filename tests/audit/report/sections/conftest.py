from __future__ import annotations

import pytest

from audit.report.section import ReportContext
from tests.audit.support.invented_audit import invented_result


@pytest.fixture(scope="session")
def context() -> ReportContext:
    """The invented audit on its way to a page."""
    return ReportContext(
        result=invented_result(), run_info={"command": ["clip-audit", "run", "a b"], "seconds": 12.4}
    )
