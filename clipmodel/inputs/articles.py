"""The one rule for "a" and "an", of prompts and of training captions."""

from __future__ import annotations

import re

# The article follows the sound, not the letter: "an hour", but "a unicorn", "a European", "a one-way street".
_SILENT_H = re.compile(r"(hour|honest|honou?r|heir)", re.IGNORECASE)
_CONSONANT_SOUND = re.compile(
    r"(uni[cfoqstv]|unan|us[aeu]|ut[aeiou]|ur[aio]|uk|ubi|ufo|eu|ewe|one\b|once\b)", re.IGNORECASE
)


def article(word: str) -> str:
    """ "a" or "an", by the sound a word begins with.

    Examples
    --------
    >>> [article(word) for word in ("artist", "hour", "unicorn", "umbrella")]
    ['an', 'an', 'a', 'an']
    """
    if _SILENT_H.match(word):
        return "an"
    return "an" if word[:1].lower() in "aeiou" and not _CONSONANT_SOUND.match(word) else "a"
