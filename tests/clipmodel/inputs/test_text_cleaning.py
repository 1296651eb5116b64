from __future__ import annotations

import pytest

from clipmodel.inputs.text_cleaning import clean
from tests.clipmodel.support.strange_texts import strange_texts
from tests.support.peers import peer_or_skip


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("  Two\n\tLines ", "two lines"),
        ("&amp;amp;amp;lt;", "<"),  # ftfy goes on until nothing is left
        ("<b>&amp;amp;amp;</b>", "<b>&amp;</b>"),  # ftfy leaves what looks like HTML alone
        ("\x1b[36mblue\x1b[0m\x00", "blue"),
        ("schÃ¶n", "schön"),
        ("“ﬁne”", '"fine"'),
        ("\ud800x", "\ufffdx"),
    ],
)
def test_cleaning(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


def test_cleaning_equals_the_original_code() -> None:
    original = peer_or_skip("open_clip.tokenizer").get_clean_fn("lower")
    texts = strange_texts(480, seed=2)  # sixty of each kind
    assert [clean(text) for text in texts] == [original(text) for text in texts]
