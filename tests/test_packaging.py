"""What `pip install` takes along, and what the lock file pins."""

from __future__ import annotations

import ast
import re
import runpy
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import setuptools

from clipmodel import __version__

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("clipmodel", "probes", "audit")
DATA = [
    path.relative_to(ROOT).as_posix()
    for name in PACKAGES
    for path in sorted((ROOT / name).rglob("*"))
    if path.is_file() and path.suffix not in (".py", ".pyc")
]


@pytest.fixture(scope="module")
def setup_arguments() -> dict[str, Any]:
    """What setup.py hands to setuptools."""
    given: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(setuptools, "setup", given.update)
        patch.chdir(ROOT)
        runpy.run_path(str(ROOT / "setup.py"))
    return given


def requirement_name(line: str) -> str:
    return re.match(r"[A-Za-z0-9._-]+", line)[0].lower().replace("_", "-")  # type: ignore[index]


def locked() -> dict[str, str]:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    return {
        requirement_name(name): entry
        for name, entry in re.findall(r"^([^\s#=]+)==(.*(?:\n .*)*)", text, re.M)
    }


def test_version_is_that_of_the_package(setup_arguments: dict[str, Any]) -> None:
    assert setup_arguments["version"] == __version__


def test_every_folder_of_modules_is_a_package(setup_arguments: dict[str, Any]) -> None:
    folders = {path.parent.relative_to(ROOT) for name in PACKAGES for path in (ROOT / name).rglob("*.py")}
    assert {".".join(folder.parts) for folder in folders} == set(setup_arguments["packages"])


@pytest.mark.parametrize("path", DATA)
def test_every_data_file_is_installed(path: str, setup_arguments: dict[str, Any]) -> None:
    package, _, rest = path.partition("/")
    # setuptools reads **/ as any number of folders, none included.
    patterns = [pattern.removeprefix("**/") for pattern in setup_arguments["package_data"][package]]
    assert any(fnmatch(Path(rest).name, pattern) for pattern in patterns)


def test_the_lock_pins_every_requirement_with_a_hash(setup_arguments: dict[str, Any]) -> None:
    pinned = locked()
    wanted = [*setup_arguments["install_requires"], *setup_arguments["extras_require"]["dev"]]
    assert sorted({requirement_name(line) for line in wanted} - set(pinned)) == []
    assert [name for name, entry in pinned.items() if "--hash=sha256:" not in entry] == []
    assert pinned["torch"].split()[0] == "2.13.0"


def test_lock_files_name_no_address() -> None:
    for name in ("requirements.lock", "requirements-peers.txt"):
        assert "://" not in (ROOT / name).read_text(encoding="utf-8")


DISTRIBUTIONS = {
    "PIL": "pillow", "yaml": "pyyaml", "sklearn": "scikit-learn", "open_clip": "open-clip-torch",
    "ahocorasick_rs": "ahocorasick-rs", "huggingface_hub": "huggingface-hub",
    "typing_extensions": "typing-extensions", "pydantic_core": "pydantic",
}  # fmt: skip
"""What provides a module of another name; pydantic pins the core that it is released with."""
NOT_IMPORTED = {"notebooks", "docs", "dev"}
"""Extras of programs that are run, and of the tests."""


def imported() -> set[str]:
    """Distributions that the packages import, anywhere: at the top, in a function, or by name."""
    names: set[str] = set()
    for path in (path for name in PACKAGES for path in (ROOT / name).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names.add(node.module)
        names |= set(re.findall(r"""(?:import_module|_require)\("([\w.]+)"\)""", text))
    tops = {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - set(PACKAGES)
    return {DISTRIBUTIONS.get(name, name.lower().replace("_", "-")) for name in tops}


def test_what_is_imported_is_declared_and_nothing_else(setup_arguments: dict[str, Any]) -> None:
    core = {requirement_name(line) for line in setup_arguments["install_requires"]}
    extras = {
        requirement_name(line)
        for extra, lines in setup_arguments["extras_require"].items()
        if extra not in NOT_IMPORTED
        for line in lines
    }
    assert not core & extras
    assert sorted(imported() - core - extras) == []
    assert sorted((core | extras) - imported()) == []
