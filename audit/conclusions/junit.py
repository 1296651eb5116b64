"""Verdicts of gates as JUnit XML, which systems of continuous integration read."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pandas as pd

from audit.conclusions.verdict import FAIL, INCONCLUSIVE


def junit_xml(gates: pd.DataFrame, *, suite: str) -> str:
    """Write a test case a gate.

    FAIL is a failure. INCONCLUSIVE is an error: the test could not be decided, so it must not look passed; a
    skipped test would.

    Parameters
    ----------
    gates
        As `audit.conclusions.gates.gate_table` makes it.
    suite
        Name of the test suite.

    Returns
    -------
    An XML document; the sentence of a gate is its message.
    """
    verdicts = gates["verdict"].tolist()
    totals = {
        "tests": str(len(gates)),
        "failures": str(verdicts.count(FAIL)),
        "errors": str(verdicts.count(INCONCLUSIVE)),
        "skipped": "0",
    }
    root = ET.Element("testsuites", {"name": "clip-audit", **totals})
    own = ET.SubElement(root, "testsuite", {"name": suite, **totals})
    for gate in gates.to_dict("records"):
        case = ET.SubElement(own, "testcase", {"classname": f"{suite}.{gate['probe']}", "name": gate["name"]})
        tag = {FAIL: "failure", INCONCLUSIVE: "error"}.get(gate["verdict"])
        if tag:
            made = ET.SubElement(case, tag, {"type": gate["verdict"], "message": gate["sentence"]})
            made.text = gate["sentence"]
        else:
            ET.SubElement(case, "system-out").text = gate["sentence"]
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'
