"""Prompts and captions take the same article."""

from __future__ import annotations

import pytest

from clipmodel.inputs.articles import article
from clipmodel.training.data.caption_templates import add_articles


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("artist", "an"),
        ("unicorn", "a"),
        ("hour", "an"),
        ("European", "a"),
        ("one-way", "a"),
        ("x", "a"),
    ],
)
def test_the_article_follows_the_sound(word: str, expected: str) -> None:
    assert article(word) == expected
    assert add_articles(f"{{a}} {word}") == f"{expected} {word}"
