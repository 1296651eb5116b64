from __future__ import annotations

from pathlib import Path

import pytest

from clipmodel.errors import UserError
from probes.suite.label_sets import LabelSet
from probes.suite.shipped.library import DATA, load_label_set, read_shipped, shipped


@pytest.mark.parametrize("kind", ["suites", "label_sets", "templates"])
def test_every_file_of_a_kind_is_found_by_its_name(kind: str) -> None:
    names = shipped(kind)  # type: ignore[arg-type]
    assert names == sorted(names) and len(names) == len(list((DATA / kind).glob("*.yaml"))) > 0


def test_a_label_set_is_read_once() -> None:
    name = shipped("label_sets")[0]
    assert load_label_set(name) is load_label_set(name)
    assert load_label_set(name) == read_shipped("label_sets", name, LabelSet)


def test_a_file_of_ones_own_is_read_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "colours.yaml"
    path.write_text("name: colours\nnote: why\nsource: here\nsets: {identity: [red, blue]}\n")
    assert read_shipped("label_sets", str(path), LabelSet).names == ["red", "blue"]


def test_a_misspelt_name_suggests_a_shipped_one() -> None:
    name = shipped("label_sets")[0]
    with pytest.raises(UserError, match="label set") as caught:
        load_label_set(name + "x")
    assert name in f"{caught.value} {caught.value.remedy}"
