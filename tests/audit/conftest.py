"""What the tests of several rooms of the audit share."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from audit.second_process import VARIABLE, second_process_allowed


@pytest.fixture
def allowed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A second process may be forked."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(threading, "active_count", lambda: 1)  # pytest's own threads hold no lock here
    with second_process_allowed():
        yield
