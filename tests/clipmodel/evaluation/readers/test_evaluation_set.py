from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from clipmodel.errors import UserError
from clipmodel.evaluation.readers.evaluation_set import (
    EvaluationSet,
    FileImages,
    FunctionImages,
    checked,
    named_classes,
    with_slot,
)
from clipmodel.evaluation.registry.entry import SetEntry

ENTRY = SetEntry(name="own", title="Own", metric="acc1", classes=["a", ["b", "bee"]])


def made(**changes: object) -> EvaluationSet:
    values = {
        "entry": ENTRY, "images": FunctionImages(["x", "y"], lambda row: bytes([row])), "where": "here",
        "truth": np.array([0, 1]), "classes": (("a",), ("b", "bee")), **changes,
    }  # fmt: skip
    return EvaluationSet(**values)  # type: ignore[arg-type]


def test_images_are_read_by_row(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(b"one")
    images = FileImages([tmp_path / "1.png", tmp_path / "2.png"], ["1", "2"])
    assert images.read_bytes(0) == b"one" and made().images.read_bytes(1) == b"\x01"
    with pytest.raises(UserError, match=r"2\.png: No such file"):
        images.read_bytes(1)


def test_a_set_that_can_be_evaluated_is_returned() -> None:
    found = checked(made())
    assert (len(found), found.name, found.notes) == (2, "own", ())
    assert named_classes(ENTRY) == (("a",), ("b", "bee"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": FunctionImages([], bytes)}, "here: no images"),
        ({"truth": np.array([0])}, "1 labels for 2 images"),
        ({"truth": np.array([0, 2])}, "image y has the class 2, but there are names for 2"),
        ({"truth": np.array([-1, 0])}, "image x has the class -1"),
        ({"truth": None, "multilabel": np.ones((2, 3), bool)}, "labels of 3 classes, names of 2"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        checked(made(**changes))


def test_a_repeated_class_name_is_noted() -> None:
    assert "more than once: 'a'" in checked(made(classes=(("a",), ("a",)))).notes[0]


def test_the_slot_of_a_template() -> None:
    assert with_slot(["a {c}.", "the {}"], where="x") == ("a {}.", "the {}")
    for wrong in ("no slot", "{c} and {c}"):
        with pytest.raises(UserError, match=r"template 2, .*needs one place"):
            with_slot(["a {}", wrong], where="x")
