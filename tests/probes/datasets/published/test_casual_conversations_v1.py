"""Casual Conversations v1: frames by video, persons as clusters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clipmodel.errors import UserError
from probes.datasets.published.casual_conversations_v1 import load_casual_conversations_v1
from tests.probes.datasets.conftest import WriteImages

SUBJECTS: dict[str, Any] = {
    "1140": {
        "files": ["part1/1140_00.MP4", "part1/1140_01.MP4"],
        "dark_files": ["part1/1140_01.MP4"],
        "label": {"age": "31", "gender": "Female", "skin-type": "5"},
    },
    "1141": {
        "files": ["part1/1141_00.MP4"],
        "dark_files": [],
        "label": {"age": "N/A", "gender": "Male", "skin-type": "2"},
    },
}


def write(root: Path, subjects: object = SUBJECTS) -> Path:
    (root / "CasualConversations.json").write_text(json.dumps(subjects))
    return root


def test_frames_are_read_by_video(tmp_path: Path, write_images: WriteImages) -> None:
    write_images(
        "frames/part1/1140_00/0.jpg", "frames/part1/1140_01/0.jpg", "frames/part1/1140_01/1.png",
        "frames/part1/1140_01/notes.txt",
    )  # fmt: skip
    data = load_casual_conversations_v1(write(tmp_path))
    assert data.frame["image_id"].tolist() == [
        "frames/part1/1140_00/0.jpg", "frames/part1/1140_01/0.jpg", "frames/part1/1140_01/1.png",
    ]  # fmt: skip
    assert data.values("lighting").tolist() == ["normal", "dark", "dark"]
    assert data.values("age_band").tolist() == ["30-39"] * 3
    assert data.values("skin_type").tolist() == ["5"] * 3
    assert data.clusters.tolist() == ["1140"] * 3
    assert data.open_image(2).size == (8, 6)
    assert data.card.label_provenance == "self-reported"


def test_videos_without_a_frame_are_counted_by_group(tmp_path: Path, write_images: WriteImages) -> None:
    """The dark video of 1140 and the one of 1141, whose age is not said."""
    write_images("frames/part1/1140_00/0.jpg")
    dropped = load_casual_conversations_v1(write(tmp_path)).dropped
    assert dropped[["reason", "gender", "age", "lighting"]].fillna("").to_numpy().tolist() == [
        ["no frame of the video is in the folder", "Female", "31", "dark"],
        ["no frame of the video is in the folder", "Male", "", "normal"],
    ]


def test_what_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no frames"):
        load_casual_conversations_v1(tmp_path)
    (tmp_path / "frames").mkdir()
    with pytest.raises(UserError, match="0 JSON files"):
        load_casual_conversations_v1(tmp_path)
    with pytest.raises(UserError, match="no frame of a video"):
        load_casual_conversations_v1(write(tmp_path))
    with pytest.raises(UserError, match="the subject '1' lacks 'label'"):
        load_casual_conversations_v1(write(tmp_path, {"1": {"files": [], "dark_files": []}}))
    for content, message in (("{", "not JSON"), ("[" * 99_999, "not JSON"), ("[1]", "no JSON object")):
        (tmp_path / "CasualConversations.json").write_text(content)
        with pytest.raises(UserError, match=message):
            load_casual_conversations_v1(tmp_path)
