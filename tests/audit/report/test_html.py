from __future__ import annotations

import base64
import hashlib
import json
from html import unescape

import numpy as np
import pandas as pd
import pytest
from jinja2 import UndefinedError

from audit.report.html import fill_template, frames_as_json, page_script
from audit.report.sections.mitigation import mitigation_page
from tests.audit.report.sections.test_mitigation import ABOUT, cost, gaps


def test_numbers_have_six_digits_and_nan_is_null() -> None:
    frame = pd.DataFrame({"n": [3, 4], "rate": [1 / 3, np.nan], "group": ["b", "b"]})
    found = json.loads(frames_as_json({"rates": frame}, more={"axis": [0, 1]}))
    assert found == {
        "rates": {"n": [3, 4], "rate": [0.333333, None], "group": {"words": ["b"], "places": [0, 0]}},
        "axis": [0, 1],
    }


def test_words_cannot_end_the_script_they_stand_in() -> None:
    text = frames_as_json({"a": pd.DataFrame({"x": ["</script><b> & more"]})})
    assert not set("<>&") & set(text)
    assert json.loads(text)["a"]["x"]["words"] == ["</script><b> & more"]


def test_the_policy_allows_the_script_of_the_page_and_no_other() -> None:
    page = mitigation_page(gaps(), cost(), about=ABOUT, methods={})
    html = fill_template("mitigation.html.j2", page, data="{}")
    digest = base64.b64encode(hashlib.sha256(page_script().encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in unescape(html) and "default-src 'none'" in unescape(html)
    assert page_script() in html and page["title"] in html
    assert "var(--ink)" in html and "var(--ink, #" not in html  # colours are the style sheet's


def test_a_value_that_a_template_lacks_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        fill_template("mitigation.html.j2", {}, data="{}")
