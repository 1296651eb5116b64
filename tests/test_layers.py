"""Imports point one way (clipmodel <- probes <- audit), and reading an audit needs no torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LAYERS = {"clipmodel": 0, "probes": 1, "audit": 2}
OPTIONAL = {"ray", "webdataset", "open_clip", "tensorboard", "wandb", "transformers", "torchvision"}
COMPOSING = ("audit.cli", "audit.commands")


def module_name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def python_modules(root: Path) -> dict[str, Path]:
    files = [path for layer in LAYERS for path in sorted((root / layer).rglob("*.py"))]
    return {module_name(path, root): path for path in files}


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def statements(node: ast.AST, *, nested: bool) -> Iterator[ast.AST]:
    """All nodes at run time; without `nested`, only those that run when the module is imported."""
    for child in ast.iter_child_nodes(node):
        if is_type_checking(child):
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
    modules = python_modules(root)
    return {name: imports(path, name, modules, nested=nested) for name, path in modules.items()}


def upward_edges(graph: dict[str, set[str]]) -> list[str]:
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


def composes(name: str) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in COMPOSING)


def test_no_import_points_upward() -> None:
    assert upward_edges(import_graph(ROOT, nested=True)) == []


def test_no_import_circle_between_modules() -> None:
    assert circles(import_graph(ROOT, nested=True)) == []


def test_only_the_command_line_composes_the_audit_with_the_model() -> None:
    # What an audit module imports directly counts wherever it stands; below it, what loading it runs.
    anywhere, on_load = import_graph(ROOT, nested=True), import_graph(ROOT, nested=False)
    reached = {
        name: set().union(*(reachable(on_load, target) for target in targets))
        for name, targets in anywhere.items()
        if name.split(".")[0] == "audit" and not composes(name)
    }
    assert reached
    assert [name for name, modules in reached.items() if "torch" in modules] == []


def test_the_commands_do_not_import_torch_themselves() -> None:
    graph = import_graph(ROOT, nested=True)
    assert [name for name, targets in graph.items() if composes(name) and "torch" in targets] == []


def test_no_optional_dependency_is_imported_with_the_core() -> None:
    graph = import_graph(ROOT, nested=False)
    offenders = [
        f"{name} imports {target}"
        for name, targets in graph.items()
        for target in sorted(targets)
        if target.split(".")[0] in OPTIONAL
    ]
    assert offenders == []


@pytest.mark.parametrize(
    "modules", ["audit", "audit.report", "audit.cli", "probes.suite.suite, probes.records"]
)
def test_import_without_torch_or_optional_dependencies(modules: str) -> None:
    code = f"import {modules}, sys; print(' '.join(sorted({{name.split('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & ({"torch"} | OPTIONAL) == set()


def write_tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def test_an_upward_import_inside_a_function_is_found(tmp_path: Path) -> None:
    root = write_tree(
        tmp_path,
        {
            "clipmodel/__init__.py": "",
            "clipmodel/loading/__init__.py": "def load():\n    from probes.suite import suite\n",
            "probes/__init__.py": "",
            "probes/suite/suite.py": "from clipmodel.loading import load\n",
        },
    )
    graph = import_graph(root, nested=True)
    assert upward_edges(graph) == ["clipmodel.loading imports probes.suite.suite"]
    assert circles(graph) == [["clipmodel.loading", "probes.suite.suite", "clipmodel.loading"]]
    # What a function imports does not run when the module is loaded.
    assert upward_edges(import_graph(root, nested=False)) == []


def test_relative_imports_and_type_checking_blocks_are_resolved(tmp_path: Path) -> None:
    root = write_tree(
        tmp_path,
        {
            "audit/__init__.py": "from .counts import tally\n",
            "audit/counts.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch\n",
            "audit/deep/__init__.py": "",
            "audit/deep/table.py": "from ..counts import tally\nfrom . import other\n",
            "audit/deep/other.py": "import torch\n",
        },
    )
    graph = import_graph(root, nested=True)
    assert graph["audit"] == {"audit.counts"}
    assert graph["audit.counts"] == {"typing"}
    assert graph["audit.deep.table"] == {"audit.counts", "audit.deep.other"}
    assert "torch" in reachable(graph, "audit.deep.table")
