"""The report: one file, valid, escaped, the same bytes, and every number that of audit.json."""

from __future__ import annotations

import json
import pickle
import re
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest

from audit import formatting as fmt
from audit.report import PAGE, _heading, render_report, tables_as_json
from audit.report.html import fill_template
from audit.report.section import ReportContext
from audit.report.sections import SECTIONS
from audit.result import AuditResult
from probes.records import Records
from tests.audit.support.invented_audit import invented_records, invented_result, six_digits

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
RUN = {"command": "clip-audit run invented", "started": "2026-11-24T03:00:00+00:00", "seconds": 12.4}
HOSTILE = "<script>alert(1)</script>"


class Page(HTMLParser):
    """Elements, text and tables of a page; an element that is closed out of turn is an error."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.caption = ""
        self.feed(html)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "caption":
            self.caption = ""
        if tag == "tr":
            self.tables.setdefault(self.caption, []).append([])
        if tag in {"td", "th"} and "table" in self.open:
            self.tables[self.caption][-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> out of turn"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "caption":
            self.caption += data
        elif "table" in self.open and {"td", "th"} & set(self.open):
            self.tables[self.caption][-1][-1] += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def result() -> AuditResult:
    return invented_result()


@pytest.fixture(scope="module")
def html(result: AuditResult) -> str:
    return render_report(result, RUN)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_the_same_result_gives_the_same_bytes(result: AuditResult, html: str) -> None:
    assert render_report(result, RUN) == html


def test_every_section_can_be_made_by_another_process(result: AuditResult) -> None:
    """What cannot be pickled would be made twice: there, and again here."""
    context = ReportContext(result=result, run_info={})
    jobs = {section.id: partial(section.build, context) for section in SECTIONS}
    made = {name: job() for name, job in jobs.items()}
    there = {name: pickle.loads(pickle.dumps(content)) for name, content in made.items()}
    shown = [(section, there[section.id]) for section in SECTIONS if there[section.id] not in (None, [])]
    assert len(shown) > 10
    page = _heading(context) | {"sections": shown}
    assert fill_template(PAGE, page, data=tables_as_json(context)) == render_report(result, {})


def test_the_page_asks_no_other_place(html: str, page: Page) -> None:
    addresses = set(re.findall(r"https?://[^\s\"'<)]+", html))
    assert addresses <= {"http://www.w3.org/2000/svg"}
    for _, attributes in page.elements:
        for key in ("src", "href", "xlink:href", "action", "srcset"):
            assert (attributes.get(key) or "#").startswith(("#", "data:"))
    assert not re.search(r"@import|url\((?!#)", html)


def test_the_policy_allows_nothing_but_the_page_itself(page: Page) -> None:
    policy = next(m["content"] or "" for m in page.all("meta") if "http-equiv" in m)
    assert "default-src 'none'" in policy
    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/]{43}='", policy)
    assert "unsafe-eval" not in policy


def test_the_page_is_well_below_a_megabyte(html: str) -> None:
    assert len(html.encode()) < 900_000


def test_ids_are_unique_and_links_within_the_page_are_met(page: Page) -> None:
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    links = {(a["href"] or "")[1:].partition("?")[0] for a in page.all("a")}
    assert links <= set(ids)


def test_headings_descend_one_step_at_a_time(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_landmarks_and_tables_carry_their_names(page: Page, html: str) -> None:
    for landmark in ("header", "nav", "main", "footer"):
        assert len(page.all(landmark)) == 1
    assert all(th.get("scope") in {"col", "row"} for th in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))
    assert page.all("html")[0]["lang"] == "en"
    assert html.index('href="#main"') < html.index("<header")


def test_every_figure_has_a_title_and_a_table(page: Page, html: str) -> None:
    figures = re.findall(r"<figure>.*?</figure>", html, re.S)
    assert len(figures) > 10
    ids = {a["id"] for _, a in page.elements if "id" in a}
    for figure in figures:
        assert re.search(r"<title [^>]*>[^<]+</title>", figure)
        table = re.search(r'<a href="#([^"]+)">As a table</a>', figure)
        assert table
        assert table[1] in ids


def _rows_of(page: Page, caption: str) -> list[dict[str, str]]:
    """Rows by column; the second and third interval of a table get a number."""
    head, *rows = page.tables[caption]
    seen: dict[str, int] = {}
    names = []
    for name in head:
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name} {seen[name]}")
    return [dict(zip(names, row, strict=True)) for row in rows]


def _text(value: str) -> str:
    return value.replace("\N{NO-BREAK SPACE}", " ")


def _expected(rate: dict[str, Any], gap: dict[str, Any] | None) -> list[str]:
    """The cells of a row, from rows of audit.json, with the helper that the page uses."""
    found = gap or {}
    return [
        fmt.integer(rate["n"]), fmt.integer(rate["count"]), fmt.percent(rate["rate"]),
        fmt.percent_interval(rate["low"], rate["high"]), fmt.points(found.get("difference")),
        fmt.points_interval(found.get("difference_low"), found.get("difference_high")),
        fmt.ratio(found.get("ratio")), fmt.p_value(found.get("p_adjusted")),
    ]  # fmt: skip


def test_numbers_of_the_page_are_those_of_audit_json(result: AuditResult, page: Page) -> None:
    document = json.loads(result.to_json())
    columns = [
        "n",
        "Count",
        "Rate",
        "95 % interval",
        "Difference, points",
        "95 % interval 3",
        "Ratio",
        "Adjusted p",
    ]
    shown = _rows_of(page, "Denigration: crime (default, plain, highest-scoring class)")
    primary = {"probe": "denigration", "design": "default", "rule": "argmax", "outcome": "crime"}
    rates = [row for row in document["rates"] if primary.items() <= row.items()]
    cell = ("split", "skin_tone", "gender")
    gaps = {tuple(row[a] for a in cell): row for row in document["gaps"] if primary.items() <= row.items()}
    assert len(shown) == len(rates) == 1 + 5 + 3 + 15
    for row, rate in zip(shown, rates, strict=True):
        expected = _expected(rate, gaps.get(tuple(rate[a] for a in cell)))
        assert [_text(row[name]) for name in columns] == [_text(value) for value in expected]


def test_every_finding_has_a_row_that_opens_to_its_evidence(
    result: AuditResult, page: Page, html: str
) -> None:
    rows = page.tables["Findings"]
    findings = result.findings.set_index("id")
    summaries = [row for row in rows[1:] if len(row) == 9]
    assert {row[0] for row in summaries} == set(findings.index)
    for row in summaries:
        finding = findings.loc[row[0]]
        assert row[3] == fmt.points(finding["difference"])
        assert row[6] == fmt.p_value(finding["p_adjusted"])
        assert row[7].strip() == f"{finding['holds_in']} of {finding['specifications']}"
        assert f'<tbody id="{row[0]}"' in html
    assert sum(len(row) == 1 for row in rows) == len(findings)


def test_the_tables_inside_are_those_of_the_result(result: AuditResult, html: str) -> None:
    inside = re.search(r'<script type="application/json" id="audit-data">(.*?)</script>', html, re.S)
    assert inside
    assert "<" not in inside[1]
    tables = json.loads(inside[1])
    document = json.loads(result.to_json())
    for name in ("rates", "gaps", "findings"):
        columns = {
            column: values
            if isinstance(values, list)
            else [values["words"][place] for place in values["places"]]
            for column, values in tables[name].items()
        }
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        assert rows == [{key: six_digits(row)[key] for key in columns} for row in document[name]]


def test_the_first_screen_names_the_worst_off_group(result: AuditResult, html: str) -> None:
    lead = re.search(r'<div class="lead">(.*?)</div>', html, re.S)
    assert lead
    # Drawn with a crime rate of 16 % for dark against 6 %: the worst-off group by construction.
    assert "Worst off: dark" in lead[1]
    assert "Not yet tested on new images" in lead[1]
    assert lead[1].count("<p>") == 3


def test_the_strip_has_an_icon_beside_the_word(html: str) -> None:
    strip = r'<svg class="icon".*?<path d="M[^"]+"/></svg>.*?<strong class="word">NO GATE</strong>'
    assert re.search(strip, html, re.S)


def _with_hostile_names(records: Records) -> Records:
    counts = records.counts.assign(event=records.counts["event"].replace("thief", HOSTILE))
    text = json.dumps(records.manifest).replace('"thief"', json.dumps(HOSTILE))
    text = text.replace("Denigration", f"Denigration {HOSTILE}").replace("a thief", f"a {HOSTILE}")
    groups = {"dark": f"dark{HOSTILE}"}
    return Records(
        manifest=json.loads(text),
        counts=counts.assign(skin_tone=counts["skin_tone"].replace(groups)),
        curves=records.curves.assign(skin_tone=records.curves["skin_tone"].replace(groups)),
        excluded=records.excluded.assign(reason=HOSTILE),
    )


def test_hostile_names_are_text() -> None:
    html = render_report(AuditResult.from_records(_with_hostile_names(invented_records())), RUN)
    scripts = re.findall(r"<script[^>]*>", html)
    assert scripts == ['<script type="application/json" id="audit-data">', "<script>"]
    assert HOSTILE not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    Page(html)


@pytest.fixture(scope="module")
def quiet(result: AuditResult) -> str:
    """A page about nothing found, nothing left out, no curve, and nothing known of the run."""
    none = {name: getattr(result, name).iloc[:0] for name in ("findings", "excluded", "curves")}
    return render_report(replace(result, **none))


def test_nothing_found_and_nothing_left_out_are_said(quiet: str) -> None:
    assert "There is none here. That is no proof of equality" in quiet
    assert "Nothing was left out" in quiet
    assert "No difference between groups is shown" in quiet


def test_without_curves_there_is_no_threshold_section(quiet: str) -> None:
    assert 'id="thresholds"' not in quiet
    assert 'href="#thresholds"' not in quiet


def test_the_method_card_names_the_command(html: str, quiet: str) -> None:
    assert "<code>clip-audit run invented</code>" in html
    assert "12 s" in html
    assert "clip-audit run invented" not in quiet


def test_json_writes_missing_numbers_as_null(result: AuditResult) -> None:
    small = result.rates[result.rates["n"] == 2]
    assert len(small)
    assert small["rate"].isna().all()
    inside = json.loads(tables_as_json(ReportContext(result=result)))["rates"]["rate"]
    assert inside.count(None) == int(result.rates["rate"].isna().sum())
