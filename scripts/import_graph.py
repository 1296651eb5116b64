"""Which module of the three packages imports which: for the layer tests and `scripts.code_figures`."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import combinations
from pathlib import Path

LAYERS = {"clipmodel": 0, "probes": 1, "audit": 2}
"""The packages, and how high each stands: imports point down."""

SHOWN_IN = {"audit/commands": "", "audit/report/sections": "audit", "probes/measures": "probes/metrics"}
"""Folders whose files may be named as what they show: a command as what it runs, a section of the report as
the table it prints, a kind of probe as its metric; and the folder in which the thing shown is."""


def module_name(path: Path, root: Path) -> str:
    """Dotted name of a file below `root`."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def python_modules(root: Path) -> dict[str, Path]:
    """The modules of the three packages, by dotted name."""
    files = [path for layer in LAYERS for path in sorted((root / layer).rglob("*.py"))]
    return {module_name(path, root): path for path in files}


def repeated_names(root: Path) -> list[str]:
    """Pairs of modules of one file name, but those of which one shows the other (`SHOWN_IN`)."""
    by_name: dict[str, list[Path]] = defaultdict(list)
    for path in python_modules(root).values():
        if path.name != "__init__.py":
            by_name[path.name].append(path.relative_to(root))
    return [
        f"{one.as_posix()} and {other.as_posix()}"
        for _, paths in sorted(by_name.items())
        for one, other in combinations(paths, 2)
        if not (_shows(one, other) or _shows(other, one)) or len(paths) > 2
    ]


def _shows(one: Path, other: Path) -> bool:
    shown = SHOWN_IN.get(one.parent.as_posix())
    return shown is not None and Path(shown) in other.parents and other.parent.as_posix() not in SHOWN_IN


def is_type_checking(node: ast.AST) -> bool:
    """Whether a node is an `if TYPE_CHECKING:` block."""
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def statements(node: ast.AST, *, nested: bool) -> Iterator[ast.AST]:
    """All nodes; without `nested`, only those that run when the module is imported."""
    for child in ast.iter_child_nodes(node):
        if not nested and is_type_checking(child):
            continue
        if not nested and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        yield child
        yield from statements(child, nested=nested)


def imports(path: Path, name: str, known: Iterable[str], *, nested: bool) -> set[str]:
    """Modules that a file imports: `from a import b` is a.b where that is a module, else a."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in statements(ast.parse(path.read_text(encoding="utf-8")), nested=nested):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            for alias in node.names:
                found.add(f"{base}.{alias.name}" if f"{base}.{alias.name}" in known else base)
    return found


def import_graph(root: Path, *, nested: bool) -> dict[str, set[str]]:
    """What each module imports.

    Parameters
    ----------
    root
        The folder that holds the packages.
    nested
        Count imports inside functions and `if TYPE_CHECKING:` blocks too.
    """
    modules = python_modules(root)
    return {name: imports(path, name, modules, nested=nested) for name, path in modules.items()}


def upward_edges(graph: dict[str, set[str]]) -> list[str]:
    """Imports of a higher layer from a lower one."""
    return [
        f"{name} imports {target}"
        for name, targets in graph.items()
        for target in sorted(targets)
        if LAYERS.get(target.split(".")[0], -1) > LAYERS[name.split(".")[0]]
    ]


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """One circle for each edge that closes one, found by depth-first search."""
    found: list[list[str]] = []
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> None:
        if name in path:
            found.append([*path[path.index(name) :], name])
            return
        if name in done or name not in graph:
            return
        for target in sorted(graph[name]):
            visit(target, [*path, name])
        done.add(name)

    for name in sorted(graph):
        visit(name, [])
    return found


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    """All modules that importing `start` loads, the packages on the way included."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        parents = [name.rpartition(".")[0]] if "." in name else []
        waiting += [*graph.get(name, ()), *parents]
    return seen
