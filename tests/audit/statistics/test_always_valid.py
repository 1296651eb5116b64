from __future__ import annotations

import pytest

from audit.statistics.always_valid import error_of_look


def test_the_errors_of_all_looks_add_up_to_no_more_than_one_error() -> None:
    """1 / (1 x 2) + 1 / (2 x 3) + ... + 1 / (T (T + 1)) = 1 - 1 / (T + 1)."""
    spent = sum(error_of_look(look) for look in range(1, 1000))
    assert spent == pytest.approx(0.05 * (1 - 1 / 1000))
    with pytest.raises(ValueError, match="counts from 1"):
        error_of_look(0)
