"""Casual Conversations v1 (Hazirbas et al. 2021), as frames of its videos; self-reported labels."""

from __future__ import annotations

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
from probes.datasets.image_paths import image_suffixes

FRAMES = "frames"
ATTRIBUTES = ("gender", "age", "age_band", "skin_type", "lighting")
SKIN_TYPES = tuple("123456")
NOT_SAID = ("", "N/A")
NO_FRAME = "no frame of the video is in the folder"
CARD = DataCard(
    name="casual_conversations_v1",
    title="Casual Conversations v1",
    version="1",
    thumbnails=False,  # its agreement restricts showing the people who took part
    licence="data use agreement: assessing models, for the purposes it permits",
    consent="given: paid participants agreed to this use",
    label_provenance="self-reported",
    labelled_by="age and gender: the participants; skin type and lighting: trained annotators",
    caution="Age and gender are self-reported; skin type and lighting were judged by annotators.",
    source="Hazirbas et al., IEEE T-BIOM 2021; Meta",
    cluster="subject_id",
    notes=(BANDS_NOTE,),
)


def load_casual_conversations_v1(root: Path) -> FileDataset:
    """Casual Conversations v1: the folder of its one JSON file and of frames/, extracted beforehand.

    The frames of a video lie in frames/<path of the video without its ending>/. Attributes: gender, age
    (years), age_band, skin_type (Fitzpatrick, 1 to 6) and lighting. Frames of one person are a cluster.
    Videos without a frame are dropped and counted.

    Raises
    ------
    UserError
        The annotations are missing or damaged, or no video has a frame.
    """
    find(root, FRAMES, what="Casual Conversations v1")
    files = sorted(root.glob("*.json"))
    if len(files) != 1:
        raise UserError(f"{root}: {len(files)} JSON files", remedy="keep that of the annotations alone")
    rows, dropped = [], []
    for video in _videos(files[0]):
        folder = root / FRAMES / PurePosixPath(str(video.pop("video"))).with_suffix("")
        frames = sorted(path for path in folder.glob("*") if path.suffix.lower() in image_suffixes())
        rows += [{ID: path.relative_to(root).as_posix(), **video} for path in frames]
        dropped += [] if frames else [video | {REASON: NO_FRAME}]
    if not rows:
        raise UserError(f"{root / FRAMES}: no frame of a video", remedy="extract frames/<video>/<frame>.jpg")
    return FileDataset(
        pd.DataFrame(rows, columns=[ID, "subject_id", *ATTRIBUTES]),
        root=root,
        attributes=ATTRIBUTES,
        card=CARD,
        orders={"age_band": AGE_BANDS},
        dropped=pd.DataFrame(dropped, columns=[REASON, *ATTRIBUTES]),
        derived={"age_band": "age"},
    )


def _videos(file: Path) -> list[dict[str, str | None]]:
    """One entry per video: its path, subject and labels."""
    try:
        subjects = parse_json(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{file}: not JSON", remedy="download it again") from error
    if not isinstance(subjects, dict):
        raise UserError(f"{file}: no JSON object of subjects", remedy="download it again")
    videos = []
    for subject, entry in subjects.items():
        try:
            label, dark = entry["label"], set(entry["dark_files"])
            known = {"subject_id": subject, **_labels(label)}
            videos += [
                {"video": video, **known, "lighting": "dark" if video in dark else "normal"}
                # dark_files repeats videos of files; dict.fromkeys keeps each once, in order.
                for video in dict.fromkeys([*entry["files"], *entry["dark_files"]])
            ]
        except (KeyError, TypeError) as error:
            raise UserError(
                f"{file}: the subject {subject!r} lacks {error}", remedy="it has files, dark_files and label"
            ) from error
    return videos


def _labels(label: dict[str, Any]) -> dict[str, str | None]:
    age, gender, skin = (str(label[name]).strip() for name in ("age", "gender", "skin-type"))
    years = age if age.isdecimal() else None
    return {
        "gender": None if gender in NOT_SAID else gender,
        "age": years,
        "age_band": age_band(int(years)) if years else None,
        "skin_type": skin if skin in SKIN_TYPES else None,
    }


KINDS = (DatasetKind.published(load_casual_conversations_v1, CARD),)
