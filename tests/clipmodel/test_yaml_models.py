"""A wrong file gives one message with its place and the closest right word."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import Field, ValidationError

from clipmodel.errors import UserError
from clipmodel.yaml_models import StrictModel, closest, read_yaml_model


class _Inner(StrictModel):
    weight: float


class _Outer(StrictModel):
    title: str
    parts: list[_Inner]


def _read(tmp_path: Path, text: str) -> _Outer:
    path = tmp_path / "thing.yaml"
    path.write_text(text)
    return read_yaml_model(path, _Outer, what="thing")


def test_a_right_file_is_read(tmp_path: Path) -> None:
    assert _read(tmp_path, "title: x\nparts:\n  - weight: 2\n").parts[0].weight == 2


@pytest.mark.parametrize(
    ("text", "place", "remedy"),
    [
        ("title: x\nparts:\n  - wieght: 2\n", "line 3", "did you mean 'weight'?"),
        ("titel: x\nparts: []\n", "line 1", "did you mean 'title'?"),
        ("title: x\nparts:\n  - weight: 1\n  - weight: heavy\n", "line 4: parts.1.weight", None),
        ("- a\n- b\n", "mapping", None),
        ("title: [unclosed\n", "not valid YAML", None),
    ],
)
def test_a_wrong_file_is_explained(tmp_path: Path, text: str, place: str, remedy: str | None) -> None:
    with pytest.raises(UserError, match=place) as caught:
        _read(tmp_path, text)
    assert "thing.yaml" in caught.value.message
    if remedy:
        assert caught.value.remedy == remedy


def test_a_missing_file_suggests_a_shipped_name(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        read_yaml_model(Path("quikstart"), _Outer, what="suite", shipped=["quickstart", "ranking"])
    assert caught.value.remedy == "did you mean 'quickstart'?"


def test_nothing_close_lists_all() -> None:
    assert closest("zzz", ["one", "two"]) == "one of: one, two"


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = "titel: x\nparts:\n  - wieght: 2\n  - weight: heavy\n"
    with pytest.raises(UserError) as caught:
        _read(tmp_path, text)
    path = tmp_path / "thing.yaml"
    # The misspelt keys are not told again as missing ones.
    assert caught.value.message.splitlines() == [
        f"{path}, line 1: titel: unknown key (did you mean 'title'?)",
        f"{path}, line 3: parts.0.wieght: unknown key (did you mean 'weight'?)",
        f"{path}, line 4: parts.1.weight: Input should be a valid number, unable to parse string as a number",
    ]
    assert caught.value.remedy == "correct these 3 places and run again"


class Renamed(StrictModel):
    """A model with a key that had another name."""

    earlier: ClassVar[dict[str, str]] = {"older": "newer"}
    newer: int = 1


def test_the_earlier_name_of_a_key_is_still_read() -> None:
    assert Renamed.model_validate({"older": 3}).newer == 3
    assert Renamed.model_validate({"older": 3}).model_dump() == {"newer": 3}
    with pytest.raises(ValidationError, match="unknown key"):
        Renamed.model_validate({"older": 3, "newer": 2})


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("name: [a]\n", "put the word in quotes"),
        ("sizes: 3\n", "write a list: values in square brackets"),
        ("sizes: [three]\n", "write a whole number, such as 3"),
        ("share: half\n", "write a number with a point, such as 0.5"),
    ],
)
def test_a_value_of_another_type_says_what_to_write(tmp_path: Path, text: str, remedy: str) -> None:
    class Typed(StrictModel):
        name: str = ""
        sizes: list[int] = Field(default=[])
        share: float = 0.5

    file = tmp_path / "typed.yaml"
    file.write_text(text)
    with pytest.raises(UserError, match=r"typed\.yaml, line 1: ") as caught:
        read_yaml_model(file, Typed, what="file")
    assert str(caught.value.remedy).startswith(remedy)
