"""The page says which cell it shows, links its images, and quotes nothing of the data as HTML."""

from __future__ import annotations

import dataclasses
import re
from typing import Any
from urllib.parse import parse_qs

import pytest

from audit.result import AuditResult
from audit.viewer.cell_images import Choice
from audit.viewer.page import choice_of, render
from clipmodel.errors import UserError
from tests.audit.support.outcomes_of_images import IMAGES, PATTERNS, outcome_rows, probe_entry, result_with

FIRST = Choice(probe="job", outcome="wrong")


def result(**changes: Any) -> AuditResult:
    return result_with(outcome_rows(PATTERNS), probes=[probe_entry(**changes)])


def page(audit: AuditResult, choice: Choice = FIRST, **changes: Any) -> str:
    """The page of images a and b of four that the cell has."""
    words = {
        "shown": IMAGES.iloc[:2], "total": 4, "missing": 0, "page": 0, "per_page": 2, "token": "t&k",
        "two_audits": False,
    }  # fmt: skip
    return render(audit, choice, **words | changes)


def chosen(text: str, name: str) -> list[str]:
    """The options of a field that are marked as chosen."""
    field = re.search(rf'<select name="{re.escape(name)}">(.*?)</select>', text)
    assert field is not None, name
    return re.findall(r'<option value="([^"]*)" selected>', field.group(1))


def links(text: str) -> dict[str, dict[str, list[str]]]:
    """Words of the links to other pages -> what they ask for."""
    found = re.findall(r'<a href="/\?([^"]*)">(\w+)</a>', text)
    return {word: parse_qs(query.replace("&amp;", "&")) for query, word in found}


ADDRESSES: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "nothing": ({}, {}),
    "everything": (
        {"probe": "job", "outcome": "harm", "specification": "1", "other": "1", "show": "disagree",
         "group.sex": "woman", "group.skin_tone": "every"},
        {"outcome": "harm", "specification": 1, "other": 1, "show": "disagree", "groups": {"sex": "woman"}},
    ),
    "misspelt names": ({"probe": "jobs", "outcome": "harms", "show": "all"}, {}),
    "a specification past the last": ({"specification": "2", "other": "-1"}, {}),
    "a digit of another script": ({"specification": "\N{SUPERSCRIPT TWO}", "other": "\u0661"}, {}),
    "an attribute that the probe does not split by": ({"group.cluster": "c", "group.outcome_bits": "10"}, {}),
}  # fmt: skip


@pytest.mark.parametrize(("query", "found"), ADDRESSES.values(), ids=ADDRESSES)
def test_an_address_as_a_choice(query: dict[str, str], found: dict[str, Any]) -> None:
    assert choice_of(result(), query) == dataclasses.replace(FIRST, **found)


def test_probes_without_outcomes_of_images_are_passed_over() -> None:
    measure, unasked = probe_entry(name="mean", outcomes=[]), probe_entry(name="none", specifications=[])
    rows = outcome_rows(PATTERNS)
    audit = result_with(rows, probes=[measure, unasked, probe_entry()])
    assert choice_of(audit, {"probe": "mean"}).probe == "job"
    with pytest.raises(UserError, match="no probe of the audit has outcomes"):
        choice_of(result_with(rows, probes=[measure, unasked]), {})


def test_the_counts_and_what_is_not_in_the_data() -> None:
    text = page(result(), total=1234, missing=1000)
    assert (
        "<strong>1,234 images</strong>, job, wrong: happened. 1,000 more are not in the data given." in text
    )
    assert "not in the data" not in page(result())
    assert "<title>job, wrong: happened</title>" in text
    assert "tiny on emoji." in text


def test_an_image_is_blurred_in_the_list_and_clear_behind_its_link() -> None:
    text = page(result())
    assert re.findall(r'<li><a href="([^"]*)"><img src="([^"]*)" alt="([^"]*)"', text) == [
        (
            f"/image?id={name}&amp;clear=1&amp;token=t%26k",
            f"/image?id={name}&amp;clear=0&amp;token=t%26k",
            alt,
        )
        for name, alt in (("a", "man, dark"), ("b", "woman, dark"))
    ]


def test_the_form_keeps_what_was_chosen() -> None:
    choice = Choice(probe="job", outcome="harm", specification=1, other=0, show="disagree",
                    groups={"sex": "woman"})  # fmt: skip
    text = page(result(), choice)
    fields = ("probe", "outcome", "specification", "other", "show", "group.sex", "group.skin_tone")
    assert {name: chosen(text, name) for name in fields} == {
        "probe": ["job"], "outcome": ["harm"], "specification": ["1"], "other": ["0"],
        "show": ["disagree"], "group.sex": ["woman"], "group.skin_tone": ["every"],
    }  # fmt: skip
    assert '<input type="hidden" name="token" value="t&amp;k">' in text
    assert 'name="group.skin_tone"><option value="every" selected>every</option><option value="dark">' in text


def test_with_two_audits_there_is_no_second_specification_to_choose() -> None:
    assert "Disagree with" in page(result())
    assert "Disagree with" not in page(result(), two_audits=True)


@pytest.mark.parametrize(
    ("number", "expected"),
    # Five images, two a page: pages 0, 1 and 2.
    [(0, {"Later": "1"}), (1, {"Earlier": "0", "Later": "2"}), (2, {"Earlier": "1"}), (9, {})],
)
def test_pages_before_and_after(number: int, expected: dict[str, str]) -> None:
    choice = dataclasses.replace(FIRST, specification=1, show="did not happen", groups={"sex": "woman"})
    found = links(page(result(), choice, total=5, page=number))
    assert {word: query.pop("page")[0] for word, query in found.items()} == expected
    kept = {"token": ["t&k"], "probe": ["job"], "outcome": ["wrong"], "specification": ["1"], "other": ["0"],
            "show": ["did not happen"], "group.sex": ["woman"]}  # fmt: skip
    assert all(query == kept for query in found.values())


def test_a_link_asks_for_the_cell_it_stands_on() -> None:
    choice = dataclasses.replace(FIRST, outcome="harm", specification=1, groups={"skin_tone": "light"})
    query = links(page(result(), choice))["Later"]
    assert choice_of(result(), {name: values[-1] for name, values in query.items()}) == choice


def test_names_of_the_data_are_text_and_never_html() -> None:
    bad = '"><script>alert(1)</script>'
    rows = outcome_rows({("job", bad): PATTERNS["job", "wrong"]}).assign(sex=bad)
    audit = result_with(rows, probes=[probe_entry(title=bad, outcomes=[{"name": bad}])])
    named: Any = {**audit.manifest, "model": {"name": bad}, "data": {"name": bad}}
    audit = dataclasses.replace(audit, manifest=named)
    choice = Choice(probe="job", outcome=bad, groups={"sex": bad})
    text = page(audit, choice, token=bad, shown=rows)
    assert "<script" not in text
    quoted = "&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"
    for place in (
        f"<title>job, {quoted}: happened", f"<p>{quoted} on {quoted}.", f'name="token" value="{quoted}"',
        f'<option value="job" selected>{quoted}<', f'<option value="{quoted}" selected>{quoted}<',
        f'alt="{quoted}, dark"', f"</a>{quoted}, dark</li>",
    ):  # fmt: skip
        assert place in text
