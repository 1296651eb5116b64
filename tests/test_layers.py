"""Imports point one way (clipmodel <- probes <- audit), and reading an audit needs no torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from itertools import chain
from pathlib import Path

import pytest

from audit.cli import ADDED, COMMANDS, MODULES
from probes.datasets.dataset_registry import NAMES
from scripts.code_figures import functions, untested
from scripts.import_graph import (
    circles,
    import_graph,
    python_modules,
    reachable,
    repeated_names,
    upward_edges,
)

ROOT = Path(__file__).resolve().parents[1]
OPTIONAL = {"ray", "webdataset", "open_clip", "tensorboard", "wandb", "transformers", "torchvision"}
COMMAND_MODULES = {
    f"audit.commands.{MODULES.get(name, name)}" for name in (*COMMANDS, *chain(*ADDED.values()))
}
DATA_MODULES = {f"probes.datasets.{module}" for module in NAMES if module != "dataset_registry"}
COMPOSING = ("audit.cli", "audit.commands")
ONE_ENTRY_A_FILE = {"audit/commands", "audit/report/sections", "audit/tables", "probes/datasets/published"}


def composes(name: str) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in COMPOSING)


def whole_graph(*, nested: bool) -> dict[str, set[str]]:
    """What each module imports, with what two registries import by name when it is asked for."""
    graph = import_graph(ROOT, nested=nested)
    if nested:
        graph["audit.cli"] |= COMMAND_MODULES
        graph["probes.datasets.dataset_registry"] |= DATA_MODULES
    return graph


def test_what_is_imported_by_name_exists() -> None:
    assert set(import_graph(ROOT, nested=False)) >= COMMAND_MODULES | DATA_MODULES


def test_no_import_points_upward() -> None:
    assert upward_edges(whole_graph(nested=True)) == []


def test_the_statistics_core_knows_no_other_room_of_the_audit() -> None:
    upward = [
        f"{name} imports {used}"
        for name, imports in import_graph(ROOT, nested=True).items()
        if name.startswith("audit.statistics")
        for used in imports
        if used.startswith("audit.") and not used.startswith("audit.statistics")
    ]
    assert upward == []


def test_no_import_circle_between_modules() -> None:
    assert circles(whole_graph(nested=True)) == []


def test_every_module_of_the_commands_is_a_command() -> None:
    # What commands share, or compose, has rooms of its own: console/, composed/, new_suite/.
    folder = ROOT / "audit" / "commands"
    used = import_graph(ROOT, nested=True)[
        "audit.commands.recipes"
    ]  # `train` and `train new` hang on its app
    modules = {f"audit.commands.{path.stem}" for path in folder.glob("*.py") if path.stem != "__init__"}
    assert sorted(modules - used - COMMAND_MODULES) == []


def test_a_room_holds_at_most_fifteen_modules() -> None:
    rooms = Counter(path.parent for path in python_modules(ROOT).values() if path.name != "__init__.py")
    crowded = {
        folder.relative_to(ROOT).as_posix(): n
        for folder, n in rooms.items()
        if n > 15 and folder.relative_to(ROOT).as_posix() not in ONE_ENTRY_A_FILE
    }
    assert crowded == {}


def test_no_file_name_stands_for_two_things() -> None:
    assert repeated_names(ROOT) == []


def test_no_function_is_longer_than_sixty_lines() -> None:
    # Without its docstring, with its signature. What is longer does two things.
    long = {
        f"{name}.{function}": n
        for name, path in python_modules(ROOT).items()
        for function, n in functions(ast.parse(path.read_text(encoding="utf-8")))
        if n > 60
    }
    assert long == {}


def test_every_module_has_a_test_of_its_name() -> None:
    # clipmodel/, probes/ or audit/<folder>/<module>.py is tested by tests/<the same folder>/test_<module>.py.
    # Only `__init__` and modules that declare names and values, without any code to run, need none.
    assert untested(ROOT) == []


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
            "audit/__init__.py": "from .counts import total\n",
            "audit/counts.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch\n",
            "audit/deep/__init__.py": "",
            "audit/deep/table.py": "from ..counts import total\nfrom . import other\n",
            "audit/deep/other.py": "import torch\n",
        },
    )
    graph = import_graph(root, nested=False)
    assert graph["audit"] == {"audit.counts"}
    assert graph["audit.counts"] == {"typing"}
    assert import_graph(root, nested=True)["audit.counts"] == {"typing", "torch"}
    assert graph["audit.deep.table"] == {"audit.counts", "audit.deep.other"}
    assert "torch" in reachable(graph, "audit.deep.table")
