"""Size and layering as printed."""

from __future__ import annotations

import ast

from scripts.code_figures import comment_lines, functions, table


def test_functions_are_measured_without_their_docstring() -> None:
    source = 'def f(\n    a,\n):\n    """One.\n\n    Two.\n    """\n    b = a\n    return b\n\n\n'
    source += "def g(): return 1\n"
    # f: three lines of signature and two of body; g: one line.
    assert dict(functions(ast.parse(source))) == {"f": 5, "g": 1}


def test_comment_lines_are_those_that_hold_nothing_else() -> None:
    assert comment_lines("# one\na = 1  # not this\n    # two\nb = '# nor this'\n") == 2


def test_the_table_is_markdown() -> None:
    assert table([("files", "3")]) == "| what | figure |\n|---|---|\n| files | 3 |"
