"""The figures of `AuditResult.plot` draw the numbers of the tables, on the axes they are given."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from audit.result import AuditResult
from audit.tables.long_frames import long_frame
from clipmodel.errors import UserError
from tests.audit.support.invented_audit import invented_result


@pytest.fixture(scope="module")
def result() -> AuditResult:
    return invented_result()


def test_rates_are_those_of_the_table(result: AuditResult) -> None:
    _, ax = plt.subplots()
    assert result.plot.rates("denigration", "harm", by="skin_tone", ax=ax) is ax
    own = result.long().query(
        "probe == 'denigration' and outcome == 'harm' and by == 'skin_tone' and rule == 'argmax'"
        " and design == 'default'"
    )
    own = own[own["template"] == own["template"].iloc[0]]
    drawn = sorted(ax.collections[-1].get_offsets()[:, 0])
    assert np.allclose(drawn, sorted(100 * own["rate"]))
    assert len(ax.get_yticklabels()) == len(own)
    plt.close("all")


def test_gaps_fill_the_marks_that_hold(result: AuditResult) -> None:
    ax = result.plot.gaps("denigration", "harm", by="skin_tone")
    assert "points" in ax.get_xlabel()
    assert len(ax.collections[-1].get_offsets()) == len(ax.get_yticklabels())
    plt.close("all")


def test_what_the_audit_has_not_is_refused_with_the_closest_word(result: AuditResult) -> None:
    for words, message in (
        ({"probe": "denigrations"}, "did you mean 'denigration'"),
        ({"probe": "denigration", "outcome": "harms"}, "did you mean 'harm'"),
        ({"probe": "denigration", "by": "skin"}, "no grouping 'skin'"),
    ):
        with pytest.raises(UserError) as caught:
            result.plot.rates(**words)  # type: ignore[arg-type]
        assert message in str(caught.value)


def test_long_frames_keep_every_row(result: AuditResult) -> None:
    long = long_frame(result.rates)
    assert len(long) == len(result.rates)
    both = result.rates[(result.rates["skin_tone"] != "(all)") & (result.rates["gender"] != "(all)")]
    assert (long["by"] == "skin_tone x gender").sum() == len(both)
    assert result.long("gaps") is result.gaps
