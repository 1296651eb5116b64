"""The import graph resolves packages, relative imports and nested ones; see also tests/test_layers.py."""

from __future__ import annotations

from pathlib import Path

from scripts.import_graph import import_graph, module_name, repeated_names


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


def test_a_name_stands_twice_only_for_a_thing_and_what_shows_it(tmp_path: Path) -> None:
    for name in (
        "audit/commands/compare.py",  # a command and what it runs
        "audit/comparison/compare.py",
        "audit/report/sections/gates.py",  # a section and what it prints, but a third gates.py in probes/
        "audit/conclusions/gates.py",
        "probes/suite/gates.py",
        "probes/measures/ranking.py",  # a kind and its metric
        "probes/metrics/ranking.py",
        "audit/report/sections/images.py",  # a section cannot show what is in probes/
        "probes/images.py",
        "audit/page.py",  # neither shows the other
        "clipmodel/page.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("", encoding="utf-8")
    assert repeated_names(tmp_path) == [
        "probes/suite/gates.py and audit/conclusions/gates.py",
        "probes/suite/gates.py and audit/report/sections/gates.py",
        "audit/conclusions/gates.py and audit/report/sections/gates.py",
        "probes/images.py and audit/report/sections/images.py",
        "clipmodel/page.py and audit/page.py",
    ]
