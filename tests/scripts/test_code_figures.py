"""Size and layering as printed."""

from __future__ import annotations

import ast
from pathlib import Path

from scripts.code_figures import comment_lines, declares_only, functions, table, untested


def test_functions_are_measured_without_their_docstring() -> None:
    source = 'def f(\n    a,\n):\n    """One.\n\n    Two.\n    """\n    b = a\n    return b\n\n\n'
    source += "def g(): return 1\n"
    # f: three lines of signature and two of body; g: one line.
    assert dict(functions(ast.parse(source))) == {"f": 5, "g": 1}


def test_comment_lines_are_those_that_hold_nothing_else() -> None:
    assert comment_lines("# one\na = 1  # not this\n    # two\nb = '# nor this'\n") == 2


def test_the_table_is_markdown() -> None:
    assert table([("files", "3")]) == "| what | figure |\n|---|---|\n| files | 3 |"


def test_a_module_that_declares_only_needs_no_test() -> None:
    declared = "A = 1\nclass P(Protocol):\n    x: int\n"
    declared += "    def f(self) -> int:\n        '''What.'''\n        ...\n"
    assert declares_only(ast.parse(declared))
    assert not declares_only(ast.parse("def f():\n    return 1\n"))
    assert not declares_only(ast.parse("f = lambda x: x\n"))


def test_only_a_test_in_the_folder_that_mirrors_the_modules_counts(tmp_path: Path) -> None:
    for name, text in {
        "audit/__init__.py": "def f(): return 1\n", "audit/mirrored.py": "def f(): return 1\n",
        "audit/elsewhere.py": "def f(): return 1\n", "audit/names.py": "A = 1\n",
        "tests/audit/test_mirrored.py": "", "tests/test_elsewhere.py": "",
    }.items():  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert untested(tmp_path) == ["audit/elsewhere.py"]
