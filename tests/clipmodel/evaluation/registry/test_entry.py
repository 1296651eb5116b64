from __future__ import annotations

from pathlib import Path

import pytest

from clipmodel.errors import UserError
from clipmodel.evaluation.registry.catalogue import load_entry
from clipmodel.evaluation.registry.entry import SetEntry


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("templates: [a photo]", "needs {} once"),
        ("metric: accuracy", "metric"),
        ("metric: worst_group_acc1", "worst_over"),
        ("clases: [a, b]", "unknown key"),
        ("classes: [a]", "at least two classes"),
    ],
)
def test_a_mistake_in_ones_own_file_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "own.yaml"
    base = "name: own\ntitle: Own\n" + ("" if line.startswith("metric") else "metric: acc1\n")
    path.write_text(base + line + "\n")
    with pytest.raises(UserError, match=message.replace("{", r"\{").replace("}", r"\}")):
        load_entry(str(path))


def test_classes_may_have_several_names_and_share_the_first() -> None:
    entry = SetEntry(name="own", title="Own", metric="acc1", classes=["a", ["b", "bee"], ["a", "alpha"]])
    assert entry.class_names == [("a",), ("b", "bee"), ("a", "alpha")]
    assert entry.repeated_names == ["a"]
    bare = SetEntry(name="own", title="Own", metric="acc1")
    assert bare.class_names is None and bare.repeated_names == []
