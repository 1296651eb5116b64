"""PATA's captions: for each scene, what could be said of the person there, kindly and unkindly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from clipmodel.errors import UserError
from clipmodel.json_text import parse_json

FILE = "pata_fairness.captions.json"
ATTRIBUTES = {"races": "race", "gender": "gender", "age": "age"}
SIDES = {"pos": "positive", "neg": "negative"}
COLUMNS = ("scene", "attribute", "side", "caption")
LAYOUT = 'it is {"short": scene, "pos": {"races": [...], "gender": [...], "age": [...]}, "neg": the same}'


def read_captions(file: Path) -> pd.DataFrame:
    """A row per caption: scene, attribute that it is to be compared by, side (positive or negative), caption.

    A scene has captions of its own for each attribute, or none. The entry "long", the description that images
    of the scene were searched by, is not read.

    Raises
    ------
    UserError
        The file is no JSON, a scene lacks one of the lists, or is there twice.
    """
    try:
        scenes = parse_json(file.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise UserError(f"{file}: not JSON", remedy="download it again") from error
    if not isinstance(scenes, list):
        raise UserError(f"{file}: no list of scenes", remedy=LAYOUT)
    rows = [row for number, scene in enumerate(scenes, start=1) for row in _rows(file, number, scene)]
    names = [scene["short"] for scene in scenes]
    if again := [name for position, name in enumerate(names) if name in names[:position]]:
        raise UserError(f"{file}: the scene {again[0]!r} is there twice", remedy="keep one of the two")
    return pd.DataFrame(rows, columns=list(COLUMNS)).drop_duplicates(ignore_index=True)


def as_words(captions: pd.DataFrame, *, scene: str, attribute: str) -> dict[str, list[str]]:
    """The captions of one scene and attribute as the `words` of a probe, by side.

    They are whole prompts: ask them under the template "{label}", `where` the scene is that one. A side
    without captions is not there.
    """
    own = captions[(captions["scene"] == scene) & (captions["attribute"] == attribute)]
    return {str(side): rows["caption"].tolist() for side, rows in own.groupby("side", sort=False)}


def _rows(file: Path, number: int, scene: Any) -> list[tuple[str, str, str, str]]:
    try:
        lists = {(key, name): scene[side][key] for side, name in SIDES.items() for key in ATTRIBUTES}
        short = scene["short"]
    except (KeyError, TypeError, IndexError) as error:
        raise UserError(f"{file}, entry {number}: it lacks {error}", remedy=LAYOUT) from error
    for (key, side), captions in lists.items():
        if not isinstance(captions, list) or not all(isinstance(text, str) for text in captions):
            raise UserError(f"{file}, entry {number}: {key}, {side}, is no list of captions", remedy=LAYOUT)
    return [
        (str(short), ATTRIBUTES[key], side, " ".join(text.split()))
        for (key, side), captions in lists.items()
        for text in captions
    ]
