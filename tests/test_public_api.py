"""What users may rely on: every package states its names, and those of the faces change only on purpose."""

from __future__ import annotations

import ast
import difflib
import importlib
from pathlib import Path

import pytest

import audit
import clipmodel
import probes
from scripts.public_api import FACES, described, public_api

ROOT = Path(__file__).resolve().parents[1]
RECORDED = ROOT / "tests" / "public_api.txt"
PACKAGES = [path for name in ("clipmodel", "probes", "audit") for path in (ROOT / name).rglob("__init__.py")]


def test_the_public_api_is_the_recorded_one() -> None:
    found, recorded = public_api(), RECORDED.read_text(encoding="utf-8").splitlines()
    change = "\n".join(difflib.unified_diff(recorded, found, "recorded", "found", n=0, lineterm=""))
    advice = (
        "if that is meant: python -m scripts.public_api > tests/public_api.txt, and a line in CHANGELOG.md"
    )
    assert not change, f"the public API changed; {advice}\n{change}"


def test_every_package_states_its_names() -> None:
    silent = [
        path.relative_to(ROOT).as_posix()
        for path in PACKAGES
        if not any(
            isinstance(node, ast.Assign | ast.AnnAssign) and "__all__" in ast.unparse(node)
            for node in ast.parse(path.read_text(encoding="utf-8")).body
        )
    ]
    assert silent == []


@pytest.mark.parametrize("face", FACES)
def test_every_stated_name_exists_and_is_listed(face: str) -> None:
    module = importlib.import_module(face)
    assert len(set(module.__all__)) == len(module.__all__)
    assert set(module.__all__) <= set(dir(module))
    assert all(hasattr(module, name) for name in module.__all__)


@pytest.mark.parametrize("module", [clipmodel, probes, audit])
def test_a_name_that_is_not_there_is_an_attribute_error(module: object) -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        module.nothing  # noqa: B018


def test_what_is_recorded_of_a_name() -> None:
    class Pair:
        first: int

        def __init__(self, first: int = 0) -> None:
            self.first = first

        @property
        def twice(self) -> int:
            return 2 * self.first

        def _hidden(self) -> None: ...

    def half(x: float, *, name: str = "x") -> float:
        return x / 2

    assert list(described("m.half", half)) == ["m.half(x: float, *, name: str = 'x') -> float"]
    assert list(described("m.Pair", Pair)) == [
        "class m.Pair(self, first: int = 0) -> None", "m.Pair.first: int", "m.Pair.twice",
    ]  # fmt: skip
    assert list(described("m.names", ["a"])) == ["m.names: list"]
