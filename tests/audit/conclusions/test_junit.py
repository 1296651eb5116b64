from __future__ import annotations

from xml.etree import ElementTree as ET

import pandas as pd

from audit.conclusions.junit import junit_xml

GATES = pd.DataFrame(
    [("tones", "work", "PASS", "within 10 points"), ("a < b & c", "work", "FAIL", "12 > 10 points"),
     ("few", "harm", "INCONCLUSIVE", "9 images")],
    columns=["name", "probe", "verdict", "sentence"],
)  # fmt: skip


def test_a_failure_is_a_failure_and_what_is_undecided_an_error() -> None:
    root = ET.fromstring(junit_xml(GATES, suite="nightly").encode())
    (suite,) = root
    for element in (root, suite):
        totals = [element.get(name) for name in ("tests", "failures", "errors", "skipped")]
        assert totals == ["3", "1", "1", "0"]
    cases = suite.findall("testcase")
    assert [case[0].tag for case in cases] == ["system-out", "failure", "error"]
    assert [case.get("classname") for case in cases] == ["nightly.work", "nightly.work", "nightly.harm"]
    # What XML reserves comes back as it was.
    assert cases[1].get("name") == "a < b & c"
    assert (cases[1][0].get("message"), cases[1][0].text) == ("12 > 10 points", "12 > 10 points")


def test_no_gate_is_an_empty_suite() -> None:
    root = ET.fromstring(junit_xml(GATES.iloc[:0], suite="none").encode())
    assert root.get("tests") == "0" and root.findall(".//testcase") == []
