"""Releases over time: the error of a gate that is looked at on each, and the command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from audit.cli import app
from audit.comparison.compare import compare, judged_changes
from audit.comparison.series import compare_series
from audit.statistics.always_valid import error_of_look
from clipmodel.errors import UserError
from tests.audit.support.compared_audits import drawn


def series_of(n_releases: int, *, rng: np.random.Generator, n: int = 400) -> np.ndarray:
    """[T, 2] images that newly fail and that no longer do, against the first release, on the same images.

    The true change is exactly the margin of 3 points: 6 % newly fail and 3 % no longer do. Each release keeps
    half of the changes of the one before, so the looks depend on each other.
    """
    level = rng.random((1, n))
    noise = rng.random((n_releases, n))
    inherited = np.where(rng.random((n_releases, n)) < 0.5, level, noise)
    return np.stack([(inherited < 0.06).sum(axis=1), (inherited > 0.97).sum(axis=1)], axis=1)


def test_the_gate_keeps_its_error_over_twenty_releases() -> None:
    """Ever failed, over 400 series of 20 releases at the margin: at most 5 %; looked at anew it is more."""
    first, second = drawn(60, seed=1)
    one = compare(first, second).changes.iloc[[0] * 400].reset_index(drop=True)
    rng = np.random.default_rng(3)
    counts = np.stack([series_of(20, rng=rng) for _ in range(400)])
    ever = {True: np.zeros(400, dtype=bool), False: np.zeros(400, dtype=bool)}
    for look in range(1, 21):
        rose, fell = counts[:, look - 1].T
        rows = one.assign(
            n=400, both=0, only_first=fell, only_second=rose, neither=400 - fell - rose,
            change=(rose - fell) / 400, design_effect=np.nan,
        )  # fmt: skip
        for spent in ever:
            error = error_of_look(look) if spent else 0.05
            # Each series is one change of its own: no correction over the 400 of them.
            ever[spent] |= (judged_changes(rows, error=400 * error)["low"] > 0.03).to_numpy()
    assert ever[True].mean() <= 0.05
    assert ever[True].mean() < ever[False].mean()


def test_earlier_verdicts_do_not_change_when_a_release_is_added() -> None:
    first, second = drawn(500, seed=1)
    _, worse = drawn(500, seed=1, worse=0.4)
    two = compare_series([first, second], margin=0.1)
    three = compare_series([first, second, worse], margin=0.1)
    pd.testing.assert_frame_equal(three.releases.iloc[:1], two.releases)
    assert three.releases["verdict"].tolist() == ["PASS", "FAIL"] and three.verdict == "FAIL"
    assert three.releases["group"].iloc[1] == "dark" and three.last.about["matched"] == 500
    assert compare_series([first, second]).verdict == "NO GATE"
    with pytest.raises(UserError, match="no series"):
        compare_series([first])


def test_five_runs_each_against_the_first(tmp_path: Path) -> None:
    """One model three times and then a worse one: the same change has wider limits at every later look."""
    first, second = drawn(300, seed=1)
    _, worse = drawn(300, seed=1, worse=0.5)
    runs = {"a": first, "b": second, "c": second, "d": second, "e": worse}
    folders = [str(run.write(tmp_path / name)) for name, run in runs.items()]
    out = tmp_path / "out"
    done = CliRunner().invoke(app, ["compare", *folders, "--margin", "0.1", "--out", str(out)])
    assert done.exit_code == 1, done.output
    assert "limits hold for all releases at once" in done.output
    releases = pd.read_csv(out / "releases.csv")
    assert releases["release"].tolist() == [1, 2, 3, 4]
    assert releases["verdict"].iloc[3] == "FAIL" and "FAIL" not in releases["verdict"].tolist()[:3]
    assert releases["error"].tolist() == pytest.approx([0.05 / 2, 0.05 / 6, 0.05 / 12, 0.05 / 20])
    assert (releases["high"] - releases["low"]).iloc[:3].is_monotonic_increasing


def test_the_command_takes_a_series(tmp_path: Path) -> None:
    first, second = drawn(300, seed=1)
    _, worse = drawn(300, seed=1, worse=0.5)
    folders = [str(run.write(tmp_path / name)) for name, run in
               (("a", first), ("b", second), ("c", worse))]  # fmt: skip
    out = tmp_path / "out"
    done = CliRunner().invoke(app, ["compare", *folders, "--margin", "0.1", "--out", str(out)])
    assert done.exit_code == 1, done.output
    assert "Verdict on the last release: FAIL" in done.output
    assert pd.read_csv(out / "releases.csv")["verdict"].tolist() == ["PASS", "FAIL"]
    assert (out / "compare.html").is_file()
    assert CliRunner().invoke(app, ["compare", folders[0]]).exit_code == 2
