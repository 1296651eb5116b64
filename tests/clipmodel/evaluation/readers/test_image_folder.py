from __future__ import annotations

from pathlib import Path

import pytest

from clipmodel.errors import UserError
from clipmodel.evaluation.readers.evaluation_set import EvaluationSet
from clipmodel.evaluation.readers.image_folder import match_folders, read_image_folder
from clipmodel.evaluation.readers.open_set import open_set
from clipmodel.evaluation.registry.entry import SetEntry
from tests.clipmodel.evaluation.readers.conftest import png


def opened(spec: object, tmp_path: Path, **options: object) -> EvaluationSet:
    return open_set(str(spec), cache=tmp_path / "cache", **options)  # type: ignore[arg-type]


def labels(found: EvaluationSet) -> list[int]:
    assert found.truth is not None
    return found.truth.tolist()


def test_folders_are_classes(tmp_path: Path) -> None:
    for name in ("red_fox", "dog"):
        (tmp_path / "set" / name).mkdir(parents=True)
        (tmp_path / "set" / name / "1.PNG").write_bytes(png(1))
    found = opened(f"folder:{tmp_path / 'set'}", tmp_path)
    assert found.classes == (("dog",), ("red fox",)) and labels(found) == [0, 1]
    assert list(found.images.ids) == ["dog/1.PNG", "red_fox/1.PNG"]


def test_numbered_folders_sort_as_numbers() -> None:
    # As text 10 would come before 2: the mistake that ImageNet-V2 invites.
    classes = [(f"name {i}",) for i in range(11)]
    assert match_folders([str(i) for i in range(11)], classes, where="x") == [str(i) for i in range(11)]
    ids = [f"n0000000{i}" for i in (3, 1, 2)]
    assert match_folders(ids, [("a",), ("b",), ("c",)], where="x") == sorted(ids)


def test_folders_that_do_not_match_are_named() -> None:
    with pytest.raises(UserError, match="without a class: 'wolf'; classes without a folder: 'cat'"):
        match_folders(["dog", "wolf"], [("dog",), ("cat",)], where="x")
    # A name that two classes share cannot be matched by name.
    with pytest.raises(UserError, match="do not match"):
        match_folders(["missile", "tank"], [("missile",), ("missile",)], where="x")


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "set" / "dog").mkdir(parents=True)
    with pytest.raises(UserError, match="no images"):
        opened(f"folder:{tmp_path / 'set'}", tmp_path)
    with pytest.raises(UserError, match="there is no"):
        opened(f"folder:{tmp_path / 'none'}", tmp_path)


def test_a_border_that_is_cut_off_is_noted(tmp_path: Path) -> None:
    entry = SetEntry(name="o", title="O", metric="acc1", border_px=2)
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "a.png").write_bytes(b"not read here")
    found = read_image_folder(tmp_path, entry)
    assert found.notes == ("a border of 2 pixels is cut off each side",) and found.entry.border_px == 2
