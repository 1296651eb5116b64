"""The suite of languages: every language offers the same classes and truths, with words of its own."""

from __future__ import annotations

import pytest

from probes.datasets import load_dataset
from probes.planning.audit_plan import plan
from probes.suite.shipped.library import load_label_set
from probes.suite.suite import Suite, load_suite

LANGUAGES = {"ko": "korean", "zh": "chinese", "es": "spanish", "de": "german", "hi": "hindi", "ar": "arabic"}
INFLECTED = ("es", "de", "hi", "ar")


@pytest.fixture(scope="module")
def suite() -> Suite:
    return load_suite("languages")


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("of", ["gender", "occupation"])
def test_classes_and_truths_are_those_in_english(code: str, of: str) -> None:
    english, other = load_label_set(f"emoji_{of}"), load_label_set(f"{of}_{code}")
    assert [item.name for item in other.classes] == [item.name for item in english.classes]
    assert [item.is_ for item in other.classes] == [item.is_ for item in english.classes]
    assert not {item.words for item in other.classes} & {item.words for item in english.classes}
    assert "UNREVIEWED" in other.source


@pytest.mark.parametrize("code", LANGUAGES)
def test_designs_show_the_words_of_the_label_sets(suite: Suite, code: str) -> None:
    """A word that is repaired in one place and not in the other would be two questions of one name."""
    gender, occupation = (suite.designs(probe) for probe in suite.classification[:2])
    name = LANGUAGES[code]
    assert [item.words for item in gender[name].classes] == [
        item.words for item in load_label_set(f"gender_{code}").classes
    ]
    design = f"{name}_masculine" if code in INFLECTED else name
    words = [item.words for item in load_label_set(f"occupation_{code}").classes]
    assert [item.words for item in occupation[design].classes] == words


@pytest.mark.parametrize("code", INFLECTED)
def test_grammatical_gender_is_a_design(suite: Suite, code: str) -> None:
    designs = suite.designs(suite.classification[1])
    masculine, feminine = (designs[f"{LANGUAGES[code]}_{form}"] for form in ("masculine", "feminine"))
    assert masculine.names == feminine.names
    assert [item.words for item in masculine.classes] != [item.words for item in feminine.classes]


def test_every_prompt_of_another_language_is_free_of_english(suite: Suite) -> None:
    """No article is put before a word of another language."""
    planned = plan(suite, load_dataset("emoji"))
    english = {"woman", "man"}
    for probe in planned.probes[2:]:
        texts = probe.texts
        assert texts and not any(word in text.split() for text in texts for word in english)
    assert "Frau" in planned.probes[0].texts
    assert planned.probes[0].n_specifications == 7
    assert planned.probes[1].n_specifications == 1 + 2 + 2 * 4
