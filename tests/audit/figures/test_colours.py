from __future__ import annotations

import re
from importlib.resources import files

from audit.figures.colours import LIGHT


def test_every_role_is_in_the_style_sheet_of_the_page() -> None:
    css = (files("audit.report") / "templates" / "report.css").read_text(encoding="utf-8")
    assert {role for role in LIGHT if f"--{role}:" not in css} == set()
    assert all(re.fullmatch(r"#[0-9a-f]{6}", colour) for colour in LIGHT.values())
