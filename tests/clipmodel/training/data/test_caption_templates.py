"""Captions, their facts, and which other images a caption describes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from clipmodel.training.data.caption_templates import Caption, CaptionTable, CaptionTemplate, add_articles

FRAME = pd.DataFrame(
    {
        "job": ["judge", "artist", "judge", "none"],
        "tone": ["dark", "light", "light", "dark"],
        "words": [["law", "court"], ["paint"], ["law"], []],
        "kind": ["person", "person", "person", "hand"],
    }
)


def _table(*texts: str, when: dict[str, str] | None = None) -> CaptionTable:
    people = FRAME[FRAME.kind == "person"].reset_index(drop=True)
    return CaptionTable(people, [CaptionTemplate(text=text, when=when or {}) for text in texts])


@pytest.mark.parametrize(
    ("text", "expected"),
    [("{a} judge", "a judge"), ("{a} artist", "an artist"), ("{a} picture of {a} ox", "a picture of an ox")],
)
def test_articles(text: str, expected: str) -> None:
    assert add_articles(text) == expected


def test_a_caption_is_filled_from_its_row() -> None:
    rng = np.random.default_rng(0)
    assert _table("{a} {job} with {tone} skin").sample(1, rng).text == "an artist with light skin"


def test_list_columns_give_each_of_their_values() -> None:
    table, rng = _table("{words}"), np.random.default_rng(0)
    assert {table.sample(0, rng).text for _ in range(50)} == {"law", "court"}


def test_weights_decide_between_templates() -> None:
    templates = [
        CaptionTemplate(text="{job}", when={}, weight=3),
        CaptionTemplate(text="{tone}", when={}, weight=1),
    ]
    table, rng = CaptionTable(FRAME[:3], templates), np.random.default_rng(0)
    share = np.mean([table.sample(0, rng).text == "judge" for _ in range(2000)])
    assert share == pytest.approx(0.75, abs=0.04)  # 4 standard errors of a draw at 3/4


def test_a_template_needs_all_its_columns_and_conditions() -> None:
    with pytest.raises(ValueError, match="1 rows fit no caption template, the first is row 3"):
        CaptionTable(FRAME, [CaptionTemplate(text="{job}", when={})])
    with pytest.raises(ValueError, match="hat"):
        CaptionTable(FRAME, [CaptionTemplate(text="{hat}", when={})])


def test_also_described_against_the_words_of_the_caption() -> None:
    table, rng = _table("{a} {job}", "{a} person with {tone} skin", "{words}"), np.random.default_rng(3)
    rows = np.array([0, 1, 2, 1])
    for _ in range(20):
        captions = [table.sample(row, rng) for row in rows]
        found = table.also_described(rows, captions)
        for i, row in enumerate(rows):
            for j, caption in enumerate(captions):
                assert found[i, j] == (i != j and _says(caption, row))


def _says(caption: Caption, row: int) -> bool:
    """Naively: the caption's one stated value is among the row's values."""
    record = FRAME.iloc[row]
    values = {record.job, record.tone, *record.words}
    everything = {"judge", "artist", "dark", "light", "law", "court", "paint"}
    return set(caption.text.split()) & everything <= values


def test_conditions_are_facts_too() -> None:
    frame = pd.DataFrame({"kind": ["person", "hand"], "tone": ["dark", "dark"]})
    templates = [
        CaptionTemplate(text="{a} person with {tone} skin", when={"kind": "person"}),
        CaptionTemplate(text="{a} hand with {tone} skin", when={"kind": "hand"}),
    ]
    table = CaptionTable(frame, templates)
    captions = [table.sample(row, np.random.default_rng(0)) for row in (0, 1)]
    assert not table.also_described(np.array([0, 1]), captions).any()
