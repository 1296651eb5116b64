"""Casual Conversations v2: frames by video or by person, labels partly withheld."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clipmodel.errors import UserError
from probes.datasets.published.casual_conversations_v2 import load_casual_conversations_v2
from tests.probes.datasets.conftest import WriteImages


def video(subject: str, name: str, **changed: Any) -> dict[str, Any]:
    entry = {
        "subject_id": subject,
        "video_name": f"{subject}_portuguese_{name}.mp4",
        "gender": "cis woman",
        "age": "31",
        "geo_location": {"country": "Brazil"},
        "monk_skin_tone": {"scale": "scale 10", "confidence": "high"},
        "fitzpatrick_skin_tone": {"type": "type iv", "confidence": "low"},
    }
    return entry | changed


VIDEOS = [
    video("0001", "scripted_1"),
    video("0001", "scripted_2"),
    video("0002", "scripted_1", gender="prefer not to say", age="prefer not to say", geo_location="India"),
    video("0003", "scripted_1", gender="cis man", monk_skin_tone=None),
]


def write(root: Path, videos: object = VIDEOS) -> Path:
    (root / "CasualConversationsV2.json").write_text(json.dumps(videos))
    return root


def test_frames_of_a_video_or_of_a_person_are_read(tmp_path: Path, write_images: WriteImages) -> None:
    """Person 1 has a folder for a video and one of its own; each frame is read once."""
    write_images(
        "frames/0001_portuguese_scripted_1/0.jpg",
        "part-1/0001/a.jpg",
        "part-1/0001/b.png",
        "part-2/0002/c.jpg",
    )
    data = load_casual_conversations_v2(write(tmp_path))
    first = "frames/0001_portuguese_scripted_1/0.jpg"
    others = ["part-1/0001/a.jpg", "part-1/0001/b.png", "part-2/0002/c.jpg"]
    assert data.frame["image_id"].tolist() == [first, *others]
    assert data.clusters.tolist() == ["0001"] * 3 + ["0002"]
    assert data.values("gender").fillna("").tolist() == ["cis woman"] * 3 + [""]
    assert data.values("age_band").fillna("").tolist() == ["30-39"] * 3 + [""]
    assert data.values("country").tolist() == ["Brazil"] * 3 + ["India"]
    assert data.values("skin_tone").tolist() == ["10"] * 4
    assert data.values("skin_type").tolist() == ["4"] * 4
    assert data.open_image(3).size == (8, 6)
    assert data.card.label_provenance == "self-reported"
    assert "trained annotators" in data.card.labelled_by


def test_videos_without_a_frame_are_counted_by_group(tmp_path: Path, write_images: WriteImages) -> None:
    write_images("0001/a.jpg")
    dropped = load_casual_conversations_v2(write(tmp_path)).dropped
    assert dropped[["gender", "country", "skin_tone"]].fillna("").to_numpy().tolist() == [
        ["", "India", "10"],
        ["cis man", "Brazil", ""],
    ]
    assert set(dropped["reason"]) == {"no frame of the video or its person is in the folder"}


def test_what_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no CasualConversationsV2.json"):
        load_casual_conversations_v2(tmp_path)
    with pytest.raises(UserError, match="no frame of a video"):
        load_casual_conversations_v2(write(tmp_path))
    with pytest.raises(UserError, match="entry 1 lacks 'video_name'"):
        load_casual_conversations_v2(write(tmp_path, [{"subject_id": "1"}]))
    for content, message in (("{", "not JSON"), ("[" * 99_999, "not JSON"), ("7", "no JSON list")):
        (tmp_path / "CasualConversationsV2.json").write_text(content)
        with pytest.raises(UserError, match=message):
            load_casual_conversations_v2(tmp_path)
