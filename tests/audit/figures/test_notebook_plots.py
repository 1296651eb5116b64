"""The figures of `AuditResult.plot` draw the numbers of the tables, on the axes they are given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba

from audit.figures.notebook_plots import Plots
from audit.result import AuditResult
from audit.tables.long_frames import long_frame
from clipmodel.errors import UserError
from tests.audit.support.invented_audit import invented_result

NAN = float("nan")


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


def small_plots(**changes: Any) -> Plots:
    """Figures of a table written by hand: one probe, three groups, two specifications."""
    probe = {"name": "job", "outcomes": [{"name": "wrong"}], "groups": [["tone"]],
             "designs": [{"name": "default"}], "templates": ["plain"]}  # fmt: skip
    manifest = {"attributes": [{"name": "tone", "of": "person"}], "probes": [probe]} | changes
    key = {"probe": "job", "outcome": "wrong", "design": "default", "template": "plain"}
    gaps = pd.DataFrame(
        [("argmax", NAN, "mid", 0.10, 0.02, 0.18, 0.049), ("argmax", NAN, "dark", 0.20, -0.1, 0.5, 0.05),
         ("argmax", NAN, "none", NAN, NAN, NAN, NAN), ("probability", 0.5, "mid", -0.05, -0.09, -0.01, 0.01)],
        columns=["rule", "threshold", "group", "difference", "difference_low", "difference_high",
                 "p_adjusted"],
    ).assign(**key, by="tone", reference="light_1", n_group=1200)  # fmt: skip
    curves = pd.DataFrame(
        [("(all)", 0.0, 0.9, 0.8, 1.0), ("dark", 0.5, 0.25, 0.1, 0.4), ("dark", 0.0, 1.0, 0.9, 1.0),
         ("light", 0.0, 0.75, 0.5, 0.9), ("light", 0.5, 0.125, 0.0, 0.3)],
        columns=["tone", "threshold", "rate", "band_low", "band_high"],
    ).assign(**key, rule="probability", n=10)  # fmt: skip
    return Plots(manifest=manifest, tables={"gaps": gaps, "curves": curves})


def test_gaps_fill_the_marks_whose_adjusted_p_is_below_a_twentieth() -> None:
    ax = small_plots().gaps()  # of the one probe, its outcome and grouping, with the highest-scoring class
    marks = ax.collections[-1]
    # The first group is at the top; p is .049, .05 and unknown: only the first is filled.
    assert np.allclose(marks.get_offsets().filled(NAN), [[10, 2], [20, 1], [NAN, NAN]], equal_nan=True)
    white = to_rgba("white")
    assert [tuple(face) == white for face in marks.get_facecolors()] == [False, True, True]
    assert np.allclose(ax.collections[0].get_segments()[0], [[2, 2], [18, 2]])
    assert [text.get_text() for text in ax.get_yticklabels()] == [
        f"{group}  (n 1,200)" for group in ("mid", "dark", "none")
    ]
    assert ax.get_xlabel() == "wrong: difference from light 1, points"
    plt.close("all")


def test_a_specification_can_be_chosen() -> None:
    ax = small_plots().gaps(rule="probability", threshold=0.5)
    assert np.allclose(ax.collections[-1].get_offsets(), [[-5, 0]])
    ax = small_plots().gaps(threshold=None)  # the rule without a threshold
    assert len(ax.get_yticklabels()) == 3
    plt.close("all")


def test_thresholds_draw_a_curve_a_group_in_its_band() -> None:
    ax = small_plots().thresholds()
    lines = {str(line.get_label()): line.get_xydata() for line in ax.get_lines()}
    assert list(lines) == ["dark", "light"]  # and not all images
    assert np.allclose(lines["dark"], [[0, 100], [0.5, 25]])  # sorted by threshold
    assert np.allclose(lines["light"], [[0, 75], [0.5, 12.5]])
    corners = ax.collections[1].get_paths()[0].vertices
    assert {tuple(np.round(corner, 6)) for corner in corners} == {(0, 50), (0, 90), (0.5, 0), (0.5, 30)}
    assert ax.get_legend().get_title().get_text() == "tone"
    plt.close("all")


def test_specifications_are_sorted_by_the_difference_of_one_group() -> None:
    ax = small_plots().specifications("mid")
    assert np.allclose(ax.collections[-1].get_offsets(), [[0, -5], [1, 10]])
    assert np.allclose(ax.collections[0].get_segments(), [[[0, -9], [0, -1]], [[1, 2], [1, 18]]])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("2 specifications, sorted", "difference of mid, points")
    assert small_plots().specifications("none").get_xlabel() == "0 specifications, sorted"
    plt.close("all")


REFUSED: dict[str, tuple[Callable[[Plots], Axes], str]] = {
    "a group": (lambda plots: plots.specifications("mids"), "no group 'mids'.*did you mean 'mid'"),
    "a part of a specification": (lambda plots: plots.gaps(rules="argmax"), "no part of a spec.*'rule'"),
    "a threshold": (lambda plots: plots.gaps(threshold=0.7), "no gaps of job, wrong with .*0.7"),
    "a rule": (lambda plots: plots.thresholds(rule="cosine"), "no curves of job, wrong with .*cosine"),
}


@pytest.mark.parametrize(("draw", "words"), REFUSED.values(), ids=REFUSED)
def test_what_the_table_has_not_is_refused(draw: Callable[[Plots], Axes], words: str) -> None:
    with pytest.raises(UserError, match=words):
        draw(small_plots())
    assert plt.get_fignums() == []  # no empty figure is left behind


def test_an_audit_without_outcomes_has_nothing_to_plot() -> None:
    with pytest.raises(UserError, match="no probe of the audit has outcomes"):
        small_plots(probes=[{"name": "mean", "outcomes": []}]).rates()


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
