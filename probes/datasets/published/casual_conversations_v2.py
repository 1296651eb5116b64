"""Casual Conversations v2 (Porgali et al. 2023), as frames of its videos; partly self-reported labels."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from clipmodel.errors import UserError
from clipmodel.json_text import parse_json
from probes.datasets.cards import DataCard
from probes.datasets.dataset_kind import DatasetKind
from probes.datasets.demographic_dataset import ID, REASON
from probes.datasets.fairface_age_bands import AGE_BANDS, BANDS_NOTE, age_band
from probes.datasets.file_dataset import FileDataset, find
from probes.datasets.image_paths import find_images

FILE = "CasualConversationsV2.json"
ATTRIBUTES = ("gender", "age", "age_band", "country", "skin_tone", "skin_tone_confidence", "skin_type")
NOT_SAID = ("", "none", "n/a", "prefer not to say")
ROMAN = {"i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6"}
NO_FRAME = "no frame of the video or its person is in the folder"
CARD = DataCard(
    name="casual_conversations_v2",
    title="Casual Conversations v2",
    version="2",
    thumbnails=False,  # its agreement restricts showing the people who took part
    licence="data use agreement: assessing models, for the purposes it permits",
    consent="given: paid participants of seven countries agreed to this use",
    label_provenance="self-reported",
    labelled_by="age, gender and country: the participants; skin tone and type: trained annotators",
    caution="Age, gender and country are self-reported; skin tone and skin type were judged by annotators.",
    source="Porgali et al., CVPR workshops 2023; Meta",
    cluster="subject_id",
    notes=(BANDS_NOTE,),
)


def load_casual_conversations_v2(root: Path) -> FileDataset:
    """Casual Conversations v2: the folder of CasualConversationsV2.json and of frames, extracted beforehand.

    Frames lie in folders named by the video without its ending, or by the person, as in the published
    archives; where both are there, the video's are taken. The folders may lie at any depth. Attributes:
    gender and age as they were reported, age_band, country, skin_tone (Monk, 1 to 10) with the annotators'
    confidence, skin_type (Fitzpatrick, 1 to 6). Frames of one person are a cluster. Videos without a frame
    are dropped and counted.

    Raises
    ------
    UserError
        The annotations are missing or damaged, or no video has a frame.
    """
    file = find(root, FILE, what="Casual Conversations v2")
    frames: dict[str, list[str]] = defaultdict(list)
    for path in find_images(root):
        frames[path.parent.name].append(path.relative_to(root).as_posix())
    rows: dict[str, dict[str, str | None]] = {}
    dropped = []
    for video, labels in _videos(file):
        # The published archives of frames are by person, those that users extract by video.
        found = frames.get(PurePosixPath(video).stem) or frames.get(str(labels["subject_id"]), [])
        # Frames in a person's folder belong to all videos of that person: the first one counts.
        rows |= {name: {ID: name, **labels} for name in found if name not in rows}
        dropped += [] if found else [labels | {REASON: NO_FRAME}]
    if not rows:
        raise UserError(
            f"{root}: no frame of a video", remedy="extract <person>/<frame>.jpg or <video>/<frame>.jpg"
        )
    return FileDataset(
        pd.DataFrame(list(rows.values()), columns=[ID, "subject_id", *ATTRIBUTES]),
        root=root,
        attributes=ATTRIBUTES,
        card=CARD,
        orders={"age_band": AGE_BANDS, "skin_tone_confidence": ("low", "medium", "high")},
        dropped=pd.DataFrame(dropped, columns=[REASON, *ATTRIBUTES]),
        derived={"age_band": "age"},
    )


def _videos(file: Path) -> list[tuple[str, dict[str, str | None]]]:
    """The path of each video, with its person and labels."""
    try:
        entries = parse_json(file.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise UserError(f"{file}: not JSON", remedy="download it again") from error
    if not isinstance(entries, list):
        raise UserError(f"{file}: no JSON list of videos", remedy="download it again")
    videos = []
    for number, entry in enumerate(entries, start=1):
        try:
            videos.append(
                (str(entry["video_name"]), {"subject_id": str(entry["subject_id"]), **_labels(entry)})
            )
        except (KeyError, TypeError) as error:
            raise UserError(
                f"{file}: entry {number} lacks {error}", remedy="it has video_name and subject_id"
            ) from error
    return videos


def _labels(entry: dict[str, Any]) -> dict[str, str | None]:
    age = _said(entry.get("age"))
    years = age if age and age.isdecimal() else None
    kind = _last_word(_part(entry.get("fitzpatrick_skin_tone"), "type"))
    return {
        "gender": _said(entry.get("gender")),
        "age": years,
        "age_band": age_band(int(years)) if years else None,
        "country": _part(entry.get("geo_location"), "country"),
        "skin_tone": _last_word(_part(entry.get("monk_skin_tone"), "scale")),
        "skin_tone_confidence": _part(entry.get("monk_skin_tone"), "confidence"),
        "skin_type": ROMAN.get((kind or "").lower(), kind),
    }


def _said(value: object) -> str | None:
    words = "" if value is None else str(value).strip()
    return None if words.lower() in NOT_SAID else words


def _part(value: object, key: str) -> str | None:
    """A part of an annotation that is a mapping, or the annotation itself where it is plain."""
    return _said(value.get(key) if isinstance(value, dict) else value)


def _last_word(words: str | None) -> str | None:
    """ "scale 5" and "type iii" in the published file: the number counts."""
    return words.split()[-1] if words else None


KINDS = (DatasetKind.published(load_casual_conversations_v2, CARD),)
