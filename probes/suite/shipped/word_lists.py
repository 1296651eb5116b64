"""Word lists: words in named groups, with their source, for probes that ask about words one by one."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import Field, model_validator

from clipmodel.yaml_models import StrictModel, read_yaml_model
from probes.suite.label_sets import LabelClass, WrittenClass
from probes.suite.validation_errors import misplaced

FOLDER = Path(__file__).parents[2] / "data" / "word_lists"


class WordList(StrictModel):
    """Words in named groups; other than in a label set they do not compete, and groups have free names.

    Raises
    ------
    ValueError
        There is no word, or one is in a group twice.
    """

    name: str = ""
    title: str = ""
    source: str = Field(default="", description="Where the words come from.")
    note: str = Field(default="", description="Why the words are there; shown in the report.")
    harmful: bool = Field(default=False, description="Whether words among them harm when tied to a person.")
    words: dict[str, list[WrittenClass]]

    @model_validator(mode="after")
    def _check(self) -> WordList:
        if not self.words:
            raise misplaced(["words"], "there is no word", remedy="name a group and its words")
        for group, words in self.words.items():
            names = [word.name for word in words]
            if not names:
                raise misplaced(["words", group], f"the group {group!r} has no word", remedy="add one")
            for position, name in enumerate(names):
                if name in names[:position]:
                    message = f"the word {name!r} is in {group!r} twice"
                    raise misplaced(["words", group, position], message, remedy="drop one of the two")
        return self

    @property
    def members(self) -> list[tuple[str, LabelClass]]:
        """Every word with its group; a word of two groups is there twice."""
        return [(group, word) for group, words in self.words.items() for word in words]


def shipped_words() -> list[str]:
    """Names of the word lists in the package."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


@cache
def load_words(name: str) -> WordList:
    """A shipped word list by name; UserError where there is none."""
    return read_yaml_model(FOLDER / f"{name}.yaml", WordList, what="word list", shipped=shipped_words())
