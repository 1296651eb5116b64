"""Read a person's attributes out of an emoji's code points and its CLDR short name.

Skin tone comes from the modifier code points, everything else from the words of the name:
``woman judge: medium skin tone`` is concept ``judge``, gender ``woman``, tone ``medium``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from scripts.build_emoji.vocabulary import (
    AGE_WORDS,
    ANIMAL_SMILEYS,
    BODY_WORDS,
    CONCEPTS,
    FANTASY_CONCEPTS,
    FANTASY_SMILEYS,
    GENDERED_CONCEPTS,
    GROUP_CATEGORIES,
    GROUP_NAMES,
    HAIR_WORDS,
    NAMED_ACTIVITIES,
    NON_ANIMALS,
    NOT_ACTIVITIES,
    OCCUPATIONS,
    PLANTS,
    SPECIAL_CATEGORIES,
)

TONES = ("light", "medium-light", "medium", "medium-dark", "dark")
GENDERS = ("woman", "man", "person")
NONE = "none"

# The five Fitzpatrick modifiers, U+1F3FB to U+1F3FF; the first stands for types I and II together.
_TONE_OF_MODIFIER = dict(zip("\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff", TONES, strict=True))
_TONE_PHRASE = re.compile(r"\b(?:medium-light|medium-dark|light|medium|dark) skin tone\b")
_GENDER_PREFIX = re.compile(r"^(woman|man|person|people|women|men)\b,? ?")
_GENDER_OF_SIGN = {"\u2640": "woman", "\u2642": "man"}
_HAIR = re.compile(r"(?:^|[:,] )(" + "|".join(HAIR_WORDS) + r")\b")


@dataclass(frozen=True, kw_only=True)
class Attributes:
    """What the name and the code points of one emoji say; ``"none"`` where they say nothing."""

    name: str
    concept: str
    skin_tone: str
    gender: str
    age: str
    occupation: str
    activity: str
    category: str
    hair: str


def skin_tones(characters: str) -> tuple[str, ...]:
    """Return the tones of the modifier code points, in order; empty for an emoji without modifier."""
    return tuple(_TONE_OF_MODIFIER[c] for c in characters if c in _TONE_OF_MODIFIER)


def without_tone(name: str) -> str:
    """Return `name` without its skin tones: ``man: dark skin tone, beard`` becomes ``man: beard``."""
    head, _, tail = name.partition(": ")
    parts = [part for part in tail.split(", ") if part and not _TONE_PHRASE.fullmatch(part)]
    return f"{head}: {', '.join(parts)}" if parts else head


def parse(name: str, *, characters: str, group: str) -> Attributes:
    """Return the attributes of one emoji.

    Parameters
    ----------
    name : str
        CLDR short name, with its skin tones.
    characters : str
        The code points without variation selectors.
    group : str
        The emoji group of Unicode, such as ``"People & Body"``.
    """
    base = without_tone(name)
    tones = skin_tones(characters)
    category = _category(base, group=group)
    personal = category in ("person", "fantasy being")
    gender = _gender(base, characters) if personal else NONE
    concept = _concept(base) if personal else base
    occupation = concept if category == "person" and concept in OCCUPATIONS else NONE
    return Attributes(
        name=name,
        concept=concept,
        # An emoji of two people may have two modifiers; then no one tone is right.
        skin_tone=tones[0] if len(set(tones)) == 1 else NONE,
        gender=gender,
        age=_age(base, category, gender) if personal else NONE,
        occupation=occupation,
        activity=_activity(base, concept) if category == "person" and occupation == NONE else NONE,
        category=category,
        hair=_hair(base) if personal else NONE,
    )


def _category(base: str, *, group: str) -> str:
    if group == "People & Body":
        return _person_category(base)
    if group == "Animals & Nature":
        return "plant" if base in PLANTS else "object" if base in NON_ANIMALS else "animal"
    if group == "Smileys & Emotion":
        return _smiley_category(base)
    if base in SPECIAL_CATEGORIES:
        return SPECIAL_CATEGORIES[base]
    return GROUP_CATEGORIES[group]


def _smiley_category(base: str) -> str:
    if base in ANIMAL_SMILEYS or "cat" in base.split():
        return "animal"
    if base in FANTASY_SMILEYS:
        return "fantasy being"
    words = set(base.split())
    return "face" if words & {"face", "frowning", "smiling"} or base == "star-struck" else "symbol"


def _person_category(base: str) -> str:
    if base in SPECIAL_CATEGORIES:
        return SPECIAL_CATEGORIES[base]
    if base.startswith(GROUP_NAMES):
        return "people group"
    if _concept(base) in FANTASY_CONCEPTS:
        return "fantasy being"
    is_person = (
        _GENDER_PREFIX.match(base) is not None
        or base in GENDERED_CONCEPTS
        or base in AGE_WORDS
        or not set(re.split(r"[ -]", base)) & BODY_WORDS
    )
    return "person" if is_person else "body part"


def _gender(base: str, characters: str) -> str:
    """Return woman, man or person; ``none`` where neither the name nor its siblings speak of gender."""
    if base in GENDERED_CONCEPTS:
        return GENDERED_CONCEPTS[base]
    words = set(re.split(r"[ :,]+", base))
    for word in GENDERS:
        if word in words:
            return word
    return next((_GENDER_OF_SIGN[c] for c in characters if c in _GENDER_OF_SIGN), NONE)


def _concept(base: str) -> str:
    """Return the name without its gender word; a bare ``man`` is the concept ``person``."""
    if base in CONCEPTS:
        return CONCEPTS[base]
    stripped = re.sub(r"^(?:woman|man|person)(?=[ :,])[:,]? ?", "", base)
    return stripped.replace(": facing right", ", facing right")


def _age(base: str, category: str, gender: str) -> str:
    """Return the age that the name says; adult for the other persons; none for beings without gender."""
    if base in AGE_WORDS:
        return AGE_WORDS[base]
    return "adult" if category == "person" or gender != NONE else NONE


def _hair(base: str) -> str:
    found = _HAIR.search(base)
    return found.group(1) if found else NONE


def _activity(base: str, concept: str) -> str:
    """Return what the person does, for names with an -ing word or a named sport; else ``none``."""
    plain = concept.removesuffix(", facing right")
    doing = any(word.endswith("ing") for word in plain.split()) or plain in NAMED_ACTIVITIES
    return plain if doing and plain not in NOT_ACTIVITIES else NONE
