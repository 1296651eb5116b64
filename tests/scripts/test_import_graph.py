"""The import graph resolves packages, relative imports and nested ones; see also tests/test_layers.py."""

from __future__ import annotations

from pathlib import Path

from scripts.import_graph import import_graph, module_name


def test_from_a_package_import_a_module_is_the_module(tmp_path: Path) -> None:
    for name, text in {
        "probes/__init__.py": "",
        "probes/rules.py": "A = 1\n",
        "probes/use.py": "from probes import rules\nfrom probes.rules import A\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert import_graph(tmp_path, nested=False)["probes.use"] == {"probes.rules"}


def test_the_name_of_a_package_is_that_of_its_folder(tmp_path: Path) -> None:
    assert module_name(tmp_path / "audit" / "__init__.py", tmp_path) == "audit"
    assert module_name(tmp_path / "audit" / "deep" / "table.py", tmp_path) == "audit.deep.table"
