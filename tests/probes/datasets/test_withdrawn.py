"""withdrawn.txt: which rows go, and what is left of them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from clipmodel.errors import UserError
from probes.datasets.cards import unknown_card
from probes.datasets.withdrawn import with_withdrawal_note, with_withdrawn, withdrawn_names, withdrawn_rows

FRAME = pd.DataFrame({"image_id": ["1", "2", "3"], "person": ["a", "b", "c"]})


def test_a_person_an_image_and_who_shares_a_file(tmp_path: Path) -> None:
    """Person a goes, and with them image 2, which is the same file; image 3 by its id."""
    (tmp_path / "withdrawn.txt").write_text("# comment\n\na\n")
    gone = withdrawn_rows(FRAME, ["x.jpg", "x.jpg", "y.jpg"], home=tmp_path, cluster="person")
    assert gone.tolist() == [True, True, False]
    (tmp_path / "withdrawn.txt").write_text("3\n")
    gone = withdrawn_rows(FRAME, ["x.jpg", "x.jpg", "y.jpg"], home=tmp_path, cluster=None)
    assert gone.tolist() == [False, False, True]


def test_without_a_file_nobody_withdrew(tmp_path: Path) -> None:
    assert withdrawn_names(tmp_path) == frozenset()
    assert not withdrawn_rows(FRAME, ["x", "y", "z"], home=tmp_path, cluster="person").any()
    card = unknown_card("x", "X", caution="")
    assert with_withdrawal_note(card, 0) == card
    assert with_withdrawal_note(card, 2).notes[-1].startswith("2 images were left out")


def test_a_reason_without_labels_is_added() -> None:
    before = pd.DataFrame({"reason": ["lost"], "gender": ["woman"]})
    after = with_withdrawn(before, 2)
    assert after is not None
    assert after["reason"].tolist() == ["lost", "consent was withdrawn", "consent was withdrawn"]
    assert after["gender"].isna().tolist() == [False, True, True]
    assert with_withdrawn(before, 0) is before


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "withdrawn.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="not UTF-8"):
        withdrawn_names(tmp_path)
