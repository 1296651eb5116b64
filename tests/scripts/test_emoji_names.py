"""Attributes read from CLDR names and code points."""

import pytest

from scripts.build_emoji.names import Attributes, parse, skin_tones, without_tone

PEOPLE = "People & Body"
LIGHT, MEDIUM, DARK = "\U0001f3fb", "\U0001f3fd", "\U0001f3ff"


def _parse(name: str, characters: str = "", group: str = PEOPLE) -> Attributes:
    return parse(name, characters=characters, group=group)


@pytest.mark.parametrize(
    ("name", "concept", "gender", "age"),
    [
        ("woman judge", "judge", "woman", "adult"),
        ("judge", "judge", "person", "adult"),
        ("pregnant man", "pregnant person", "man", "adult"),
        ("pregnant woman", "pregnant person", "woman", "adult"),
        ("pregnant person", "pregnant person", "person", "adult"),
        ("deaf man", "deaf person", "man", "adult"),
        ("man: beard", "beard", "man", "adult"),
        ("woman, red hair", "red hair", "woman", "adult"),
        ("prince", "royalty", "man", "adult"),
        ("princess", "royalty", "woman", "adult"),
        ("person with crown", "royalty", "person", "adult"),
        ("breast-feeding", "breast-feeding", "woman", "adult"),
        ("woman", "person", "woman", "adult"),
        ("baby", "baby", "none", "baby"),
        ("boy", "child", "man", "child"),
        ("girl", "child", "woman", "child"),
        ("child", "child", "person", "child"),
        ("old woman", "older person", "woman", "older"),
        ("older person", "older person", "person", "older"),
        ("ninja", "ninja", "none", "adult"),
        ("man running: facing right", "running, facing right", "man", "adult"),
    ],
)
def test_words_of_the_name_give_concept_gender_and_age(
    name: str, concept: str, gender: str, age: str
) -> None:
    found = _parse(name)
    assert (found.category, found.concept, found.gender, found.age) == ("person", concept, gender, age)


@pytest.mark.parametrize(
    "name",
    [
        "family: man, woman, girl",
        "couple with heart: woman, man",
        "kiss: man, man",
        "women holding hands",
        "people hugging",
        "woman and man holding hands",
    ],
)
def test_several_persons_are_a_group_without_gender_and_age(name: str) -> None:
    found = _parse(name)
    assert (found.category, found.gender, found.age) == ("people group", "none", "none")


@pytest.mark.parametrize(
    "name", ["raised hand", "ear with hearing aid", "flexed biceps", "selfie", "thumbs up"]
)
def test_parts_of_the_body_are_not_persons(name: str) -> None:
    assert _parse(name).category == "body part"


def test_person_raising_hand_is_a_person() -> None:
    assert _parse("person raising hand").category == "person"


@pytest.mark.parametrize(
    ("name", "group", "category"),
    [
        ("man vampire", PEOPLE, "fantasy being"),
        ("supervillain", PEOPLE, "fantasy being"),
        ("robot", "Smileys & Emotion", "fantasy being"),
        ("see-no-evil monkey", "Smileys & Emotion", "animal"),
        ("grinning face", "Smileys & Emotion", "face"),
        ("red heart", "Smileys & Emotion", "symbol"),
        ("gorilla", "Animals & Nature", "animal"),
        ("rose", "Animals & Nature", "plant"),
        ("hammer", "Objects", "object"),
    ],
)
def test_categories(name: str, group: str, category: str) -> None:
    assert _parse(name, group=group).category == category


def test_occupations_are_those_written_as_person_and_tool() -> None:
    assert _parse("man health worker").occupation == "health worker"
    assert _parse("man police officer").occupation == "none"


def test_hair_and_activity() -> None:
    assert _parse("woman: blond hair").hair == "blond hair"
    assert _parse("man: dark skin tone, bald").hair == "bald"
    assert _parse("woman lifting weights").activity == "lifting weights"
    assert _parse("man wearing turban").activity == "none"


def test_tone_comes_from_the_modifier_and_mixed_tones_have_none() -> None:
    assert skin_tones("\U0001f469" + MEDIUM) == ("medium",)
    assert _parse("woman: medium skin tone", "\U0001f469" + MEDIUM).skin_tone == "medium"
    couple = f"\U0001f469{LIGHT}\u200d\u2764\u200d\U0001f468{DARK}"
    assert (
        _parse("couple with heart: woman, man, light skin tone, dark skin tone", couple).skin_tone == "none"
    )


def test_the_tone_is_taken_out_of_the_name() -> None:
    assert without_tone("man: medium-dark skin tone, beard") == "man: beard"
    assert without_tone("judge: light skin tone") == "judge"
    assert without_tone("family: man, woman, girl") == "family: man, woman, girl"
