"""VisoGender's lists in their published layout."""

from __future__ import annotations

from pathlib import Path

URL = "URL type (Type NA if can't find)"


OO = [
    "IDX",
    "Sector",
    "Specialisation",
    "Occupation",
    "Object",
    URL,
    "LICENSE OK?",
    "Occupation_perceived_gender",
]


OP = ["IDX", "Sector", "Specialisation", "Occupation", "Participant", URL, "Licence", "Occupation_Gender"]


ALONE = [
    ["OO_1", "education", "school", "teacher", "board", "https://x.org/1.jpg?a=b", "Yes", "masculine"],
    ["OO_11", "education", "school", "teacher", "board", "https://x.org/2", "Yes", "feminine"],
    ["OO_12", "education", "school", "teacher", "board", "NA", "Yes", "feminine"],
    ["OO_13", "office", "law", "lawyer", "desk", "https://x.org/gone", "Yes", "feminine"],
]


TWO = [["OP_1", "medical", "hospital", "doctor", "patient", "https://x.org/3", "Yes", "woman", "man"]]


def write_list(root: Path, name: str, header: list[str], rows: list[list[str]]) -> Path:
    lines = ["\t".join([*row, ""]) for row in [header, *rows]]
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text("\r\n".join(lines) + "\r\n", encoding="utf-8", newline="")
    return root
