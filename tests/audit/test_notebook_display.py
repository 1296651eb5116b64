"""The summary in a notebook repeats the numbers of the tables, and quotes names as text."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pandas as pd
import pytest

from audit.notebook_display import summary_html
from tests.audit.support.invented_audit import invented_result

NAN = float("nan")


def probe_entry(name: str) -> dict[str, Any]:
    return {
        "name": name, "title": f"Which {name}?", "groups": [["sex"]],
        "designs": [{"name": "default"}, {"name": "fewer"}], "templates": ["plain"],
    }  # fmt: skip


def manifest_of(**data: Any) -> dict[str, Any]:
    return {
        "suite": {"name": "small", "title": ""}, "model": {"name": "tiny"},
        "data": {"name": "people", "n_images": 1234} | data,
        "probes": [probe_entry("job"), probe_entry("mood")],
    }  # fmt: skip


def tables_of(
    *, findings: int = 0, excluded: tuple[int, ...] = (), accuracy: bool = True
) -> dict[str, pd.DataFrame]:
    """Accuracy of the probe job alone: another design and rule, and a group, stand before the one told."""
    rows = [
        ("job", "fewer", "plain", "argmax", NAN, "(all)", 9, 0.1, 0.0, 0.2),
        ("job", "default", "plain", "probability", 0.5, "(all)", 9, 0.2, 0.1, 0.3),
        ("job", "default", "plain", "argmax", NAN, "man", 500, 0.9, 0.8, 0.95),
        ("job", "default", "plain", "argmax", NAN, "(all)", 1200, 0.75, 0.7254, 0.7736),
    ]
    columns = ["probe", "design", "template", "rule", "threshold", "sex", "n", "rate", "low", "high"]
    found = [(f"F{i}", f"sentence {i}") for i in range(1, findings + 1)]
    return {
        "accuracy": pd.DataFrame(rows if accuracy else [], columns=columns),
        "findings": pd.DataFrame(found, columns=["id", "sentence"]),
        "excluded": pd.DataFrame({"n": list(excluded)}),
    }


def summary(**changes: Any) -> str:
    """The summary, with spaces that break in place of those that do not."""
    words = {"manifest": manifest_of(), "tables": tables_of(), "verdict": "PASS"} | changes
    text = summary_html(words["manifest"], words["tables"], verdict=words["verdict"])
    return text.replace("\N{NO-BREAK SPACE}", " ")


def cells(text: str, caption: str) -> list[list[str]]:
    """The rows of the table with a caption, below its head."""
    table = re.search(rf"<caption>{re.escape(caption)}</caption>(.*?)</table>", text)
    assert table is not None, caption
    rows = re.findall(r"<tr>(.*?)</tr>", table.group(1))
    return [re.findall(r"<td>(.*?)</td>", row) for row in rows[1:]]


def test_the_first_line_names_the_audit_and_its_verdict() -> None:
    line = (
        "<p><strong>small</strong>: tiny on people, 1,234 images. Verdict: <strong>INCONCLUSIVE</strong>.</p>"
    )
    assert summary(verdict="INCONCLUSIVE").startswith(line)
    titled = {**manifest_of(), "suite": {"name": "small", "title": "Small questions"}}
    assert "<strong>Small questions</strong>: tiny" in summary(manifest=titled)


def test_accuracy_is_that_of_all_images_in_the_specification_told_first() -> None:
    # The probe mood has no accuracy, so no row.
    assert cells(summary(), "Accuracy") == [["Which job?", "1,200", "75.0 %", "72.5 to 77.4 %"]]


def test_without_accuracy_there_is_no_table_of_it() -> None:
    text = summary(tables=tables_of(accuracy=False))
    assert "Accuracy" not in text and "<table>" not in text
    assert "\n\n" not in text


@pytest.mark.parametrize(("findings", "shown"), [(1, 1), (5, 5), (7, 5)])
def test_the_first_five_findings(findings: int, shown: int) -> None:
    text = summary(tables=tables_of(findings=findings))
    expected = [[f"F{i}", f"sentence {i}"] for i in range(1, shown + 1)]
    assert cells(text, f"The first of {findings} findings") == expected


def test_no_findings_is_said() -> None:
    assert "<p>No findings.</p>" in summary()


@pytest.mark.parametrize(("excluded", "total"), [((), "0"), ((1, 180), "181"), ((1000, 500), "1,500")])
def test_what_was_left_out_is_summed(excluded: tuple[int, ...], total: str) -> None:
    assert f"Left out, summed over probes: {total} images." in summary(tables=tables_of(excluded=excluded))


def test_the_caution_of_the_data_is_passed_on() -> None:
    assert "Caution" not in summary()
    assert "<p>Caution: Cartoons &amp; clip art.</p>" in summary(
        manifest=manifest_of(caution="Cartoons & clip art.")
    )


def test_an_audit_that_does_not_say_how_many_images_it_has_shows_a_dash() -> None:
    assert "people, \N{EN DASH} images" in summary(manifest=manifest_of(n_images=None))


def test_every_name_is_text_and_never_html() -> None:
    bad = "<script>x</script>"
    manifest = {
        **manifest_of(name=bad, caution=bad), "suite": {"name": "s", "title": bad}, "model": {"name": bad},
        "probes": [{**probe_entry("job"), "title": bad}],
    }  # fmt: skip
    tables = tables_of(findings=1)
    tables["findings"]["sentence"] = bad
    text = summary(manifest=manifest, tables=tables, verdict=bad)
    assert "<script" not in text
    # Suite, model, data, verdict, question, finding, caution.
    assert text.count("&lt;script&gt;x&lt;/script&gt;") == 7


def test_a_notebook_shows_it_for_an_audit() -> None:
    result = invented_result()
    text = result._repr_html_()
    assert f"Verdict: <strong>{result.verdict}</strong>" in text
    assert "<strong>Invented quickstart</strong>: tiny on emoji, 4,000 images" in text
    # One unreadable image and 180 without a skin tone.
    assert "Left out, summed over probes: 181 images." in text
    assert "Caution: Cartoons: no claim about persons" in text
    renamed: Any = {**result.manifest, "model": {**result.manifest["model"], "name": "<b>x"}}
    assert "&lt;b&gt;x on emoji" in dataclasses.replace(result, manifest=renamed)._repr_html_()
