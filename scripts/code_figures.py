"""Print how large the code is, how it is layered, and which modules have no test of their name.

python -m scripts.code_figures
"""

from __future__ import annotations

import ast
import io
import statistics
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from scripts.import_graph import LAYERS, circles, import_graph, python_modules, repeated_names, upward_edges

ROOT = Path(__file__).resolve().parents[1]


def functions(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Name and number of lines of every function, its decorators and docstring left out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            end = node.end_lineno or node.lineno
            lines = end - body[0].lineno + 1 if body else 0
            yield node.name, lines + node.body[0].lineno - node.lineno


def comment_lines(text: str) -> int:
    """Lines that hold a comment and nothing else."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return sum(token.type == tokenize.COMMENT and token.line.strip().startswith("#") for token in tokens)


def declares_only(tree: ast.AST) -> bool:
    """Whether a module holds names and values alone: no function has a body, so that no test could fail.

    A docstring, `...` and `pass` are no body.
    """

    def is_empty(line: ast.stmt) -> bool:
        constant = isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)
        return constant or isinstance(line, ast.Pass)

    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, kinds)]
    lambdas = any(isinstance(node, ast.Lambda) for node in ast.walk(tree))
    return not lambdas and all(is_empty(line) for body in bodies for line in body)


def untested(root: Path) -> list[str]:
    """Modules without a test of their name in the folder of tests that mirrors theirs.

    Left out are `__init__` and modules that declare only names and values.
    """
    found = []
    for path in python_modules(root).values():
        place = path.relative_to(root)
        if path.name == "__init__.py" or (root / "tests" / place.parent / f"test_{path.name}").is_file():
            continue
        if not declares_only(ast.parse(path.read_text(encoding="utf-8"))):
            found.append(place.as_posix())
    return sorted(found)


def table(rows: list[tuple[str, str]]) -> str:
    """Two columns as Markdown."""
    return "\n".join(["| what | figure |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


def figures() -> list[tuple[str, str]]:
    """Every figure, in the order in which it is printed."""
    modules = python_modules(ROOT)
    texts = {name: path.read_text(encoding="utf-8") for name, path in modules.items()}
    lines = {name: text.count("\n") for name, text in texts.items()}
    of_functions = [
        (n, f"{name}.{function}")
        for name, text in texts.items()
        for function, n in functions(ast.parse(text))
    ]
    graph = import_graph(ROOT, nested=True)
    rooms = Counter(path.parent for path in modules.values() if path.name != "__init__.py")
    without_test = untested(ROOT)
    longest, fullest = max(lines, key=lines.__getitem__), max(rooms, key=rooms.__getitem__)
    comments = sum(comment_lines(text) for text in texts.values())
    return [
        ("modules", f"{len(modules)} in {', '.join(LAYERS)}; {sum(lines.values()):,} lines"),
        ("median file", f"{statistics.median(lines.values()):.0f} lines"),
        ("longest file", f"{lines[longest]} lines, {longest}"),
        ("median function", f"{statistics.median(n for n, _ in of_functions):.0f} lines"),
        ("longest functions", "; ".join(f"{n} {name}" for n, name in sorted(of_functions, reverse=True)[:5])),
        ("comment lines", f"{100 * comments / sum(lines.values()):.1f} %"),
        ("import circles", str(len(circles(graph)))),
        ("upward imports", str(len(upward_edges(graph)))),
        ("fullest room", f"{rooms[fullest]} modules, {fullest.relative_to(ROOT).as_posix()}"),
        ("file names used twice", "; ".join(repeated_names(ROOT)) or "none"),
        ("modules without a test of their name", f"{len(without_test)} of {len(modules)}"),
        ("- they are", ", ".join(without_test) or "none"),
    ]


if __name__ == "__main__":
    print(table(figures()))
