"""The field's words: what this project once called things by names of its own stays out of the tree."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SUFFIXES = {".py", ".md", ".j2", ".js", ".html"}
PRIVATE = {
    r"ways? of asking": "specification(s)",
    r"make-up": "composition",
    r"kept apart to": "held out",
    r"furthest out": "most extreme contrast",
    r"bare arrays in": "array-level functions",
    r"most telling": "strongest evidence",
    r"fares worst": "has the lowest accuracy",
    r"met less often": "occurs less often",
    r"idle classes": "classes without matching truth",
    r"stands? behind": "supports",
    r"onlookers?": "callbacks",
    r"the audit, audited": "calibration study",
    r"one door to": "single entry point",
    r"pictures (that|of people|whose)": "images",
}
LEFT = {"tests/test_words.py", "CHANGELOG.md"}
"""The list itself, and what was true of earlier versions."""


def test_no_private_words() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found = [
        f"{name}: {match.group()!r}, say {better!r}"
        for name in listed.splitlines()
        if Path(name).suffix in SUFFIXES and name not in LEFT and "/data/" not in name
        for word, better in PRIVATE.items()
        for match in re.finditer(rf"\b{word}\b", (ROOT / name).read_text(encoding="utf-8"), re.IGNORECASE)
    ]
    assert found == []
