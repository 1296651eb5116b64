"""The scripts of the pages: their types are checked by TypeScript, and they stay small."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from audit.report.html import page_script
from audit.report.runs_index import SEARCH_SCRIPT

TSC = Path(__file__).parents[3] / "build" / "typescript" / "node_modules" / "typescript" / "bin" / "tsc"
OPTIONS = [
    "--noEmit", "--allowJs", "--checkJs", "--strict", "--noUnusedLocals", "--noImplicitReturns",
    "--target", "es2022", "--lib", "es2022,dom,dom.iterable", "--moduleDetection", "force",
]  # fmt: skip
MOST_BYTES = 30 * 1024


def checked(tmp_path: Path, **scripts: str) -> list[str]:
    """What TypeScript finds wrong in scripts, a line each."""
    if not TSC.is_file() or (node := shutil.which("node")) is None:
        pytest.skip("TypeScript is not installed: `make typescript` installs it, and needs node and npm")
    files = [tmp_path / f"{name}.js" for name in scripts]
    for file, text in zip(files, scripts.values(), strict=True):
        file.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [node, TSC, *OPTIONS, *files], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode in (0, 1, 2) and not done.stderr
    return done.stdout.splitlines()


def test_types_hold_in_every_script(tmp_path: Path) -> None:
    assert checked(tmp_path, report=page_script(), search=SEARCH_SCRIPT) == []


def test_a_wrong_type_is_found(tmp_path: Path) -> None:
    wrong = '/** @param {number} n */\nconst half = (n) => n / 2;\nhalf("four");\nmissing();\n'
    found = checked(tmp_path, wrong=wrong)
    assert len(found) == 2 and "wrong.js(3,6)" in found[0] and "wrong.js(4,1)" in found[1]


def test_the_script_of_a_report_stays_small() -> None:
    assert len(page_script().encode()) <= MOST_BYTES
