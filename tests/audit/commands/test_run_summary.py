"""The closing summary says what the tables say."""

from __future__ import annotations

import io
from dataclasses import replace

import pandas as pd
import pytest
from rich.console import Console

from audit import AuditResult
from audit.commands.run_summary import print_summary
from tests.audit.support.invented_audit import invented_result

# The groups of the invented audit that are of people, not of pictures.
PEOPLE = ["skin_tone", "gender", "skin_tone x gender"]


@pytest.fixture(scope="module")
def result() -> AuditResult:
    return invented_result()


def lines(result: AuditResult, title: str) -> list[str]:
    """The rows of one table of the summary, spaces collapsed."""
    console = Console(file=io.StringIO(), width=200)
    print_summary(result, console)
    text = console.file.getvalue().replace("\N{NO-BREAK SPACE}", " ")  # type: ignore[attr-defined]
    blocks = [block.splitlines() for block in text.split("\n\n") if title in block]
    return [" ".join(line.split()) for line in blocks[0][2:]] if blocks else []


def test_accuracy_is_given_for_all_images_and_by_split(result: AuditResult) -> None:
    rows = lines(result, "Zero-shot accuracy")
    own = result.accuracy.query("skin_tone == '(all)' and gender == '(all)'")
    assert len(rows) == len(own) == 4  # all images and three splits
    overall = own[own["split"] == "(all)"].iloc[0]
    assert rows[0] == (
        f"Occupation all {int(overall['n']):,} {100 * overall['rate']:.1f} % "
        f"{100 * overall['low']:.1f} to {100 * overall['high']:.1f} % {100 * overall['balanced']:.1f} %"
    )
    assert [row.split()[1:4] for row in rows[1:]] == [
        ["train", f"{n:,}", f"{100 * rate:.1f}"] if name == "train" else ["held", "out", name.split("_")[-1]]
        for name, n, rate in own[own["split"] != "(all)"][["split", "n", "rate"]].itertuples(index=False)
    ]


def test_harm_is_given_for_the_first_way_of_asking(result: AuditResult) -> None:
    rows = lines(result, "Harmful predictions")
    crime = result.rates.query(
        "probe == 'denigration' and outcome == 'crime' and design == 'default' and rule == 'argmax' "
        "and skin_tone == '(all)' and gender == '(all)'"
    ).iloc[0]
    assert len(rows) == 3
    assert rows[0].startswith(f"Denigration crime {int(crime['n']):,} {100 * crime['rate']:.1f} %")


def test_the_widest_gaps_of_every_outcome_are_given_with_interval_and_n(result: AuditResult) -> None:
    rows = lines(result, "Widest differences")
    # Two for each of misclassified, crime, non-human and harm.
    assert len(rows) == 8
    gaps = result.gaps
    crime = gaps[(gaps["outcome"] == "crime") & (gaps["design"] == "default") & (gaps["rule"] == "argmax")]
    crime = crime[crime["by"].isin(PEOPLE)]
    widest = crime.loc[crime["difference"].abs().idxmax()]
    expected = f"{int(widest['n_group'])} / {int(widest['n_reference'])} +{100 * widest['difference']:.1f}"
    assert widest["difference"] > 0
    assert sum(expected in row for row in rows) == 1
    assert sum(row.startswith("Denigration crime ") for row in rows) == 2


def test_exclusions_are_added_up_by_reason(result: AuditResult) -> None:
    rows = lines(result, "Left out")
    # The fixture leaves out 1 unreadable image and 180 without a visible skin tone.
    assert rows[:2] == ["denigration skin_tone missing or not visible 180", "occupation unreadable image 1"]
    many = pd.concat([result.excluded.assign(reason=f"reason {i}", n=i) for i in range(1, 6)])
    rows = lines(replace(result, excluded=many), "Left out")
    assert len(rows) == 9  # eight of the ten, and a line that says so
    assert rows[-1] == "and 2 more reasons, in the report"


def test_the_verdict_and_the_caution_close_it(result: AuditResult) -> None:
    console = Console(file=io.StringIO(), width=200)
    print_summary(replace(result, verdict="FAIL"), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "Verdict: FAIL\n" in text
    assert text.rstrip().endswith(f"Caution: {result.manifest['data']['caution']}")
    assert f"{len(result.findings)}, over {result.n_specifications} specification" in text
