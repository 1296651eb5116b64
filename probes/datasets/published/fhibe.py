"""FHIBE (Sony AI 2025): consented images with self-reported labels, whole or as aligned faces."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd

from clipmodel.errors import UserError
from probes.datasets.cards import NOT_STATED, DataCard
from probes.datasets.dataset_kind import DatasetKind
from probes.datasets.demographic_dataset import ID, REASON
from probes.datasets.file_dataset import Box, FileDataset, find
from probes.datasets.image_paths import find_images
from probes.datasets.memberships import SEVERAL
from probes.datasets.published.fhibe_values import (
    AGE_BANDS,
    SKIN_TONES,
    age_bands,
    ancestries,
    countries,
    in_words,
    read_table,
    skin_tones,
)

WHOLE, FACES = "fhibe_downsampled", "fhibe_face_crop_align"
NEEDED = ("image_id", "filepath", "subject_id", "age", "pronoun", "ancestry", "natural_skin_color")
ONE_VALUE = {
    "scene": "scene", "camera_distance": "camera_distance", "camera_position": "camera_position",
    "location_region": "location_region", "subject_position": "subject_position",
    "action_body_pose": "body_pose", "hairstyle": "hairstyle", "natural_hair_type": "hair_type",
}  # fmt: skip
SEVERAL_VALUES = {
    "pronoun": "pronoun", "nationality": "nationality", "natural_hair_color": "hair_color",
    "facial_hairstyle": "facial_hairstyle", "facial_marks": "facial_marks", "lighting": "lighting",
    "weather": "weather",
}  # fmt: skip
OF_IMAGES = (
    "scene", "camera_distance", "camera_position", "location_region", "subject_position", "body_pose",
    "lighting", "weather", "country",
)  # fmt: skip
SKIN_COLUMNS = {"natural_skin_color": "skin_tone", "apparent_skin_color": "apparent_skin_tone"}
OTHER_PERSON = "the row is not of the main person, and has no box"
NO_FILE = "there is no such file in the folder"
VERSION = re.compile(r"fhibe\.(?P<version>.+?)(_downsampled)?(_public)?$")
BINS = (
    "Ages were binned as 18-29, 30-39, 40-49, 50-59 and 60+, as FHIBE's evaluation does; the years are in "
    "'age'."
)
NO_IMAGES = "No image is shown in a report or kept in a result: consent to it can be withdrawn."
CARD = DataCard(
    name="fhibe",
    title="FHIBE",
    version=NOT_STATED,
    licence="FHIBE terms of use: evaluation only; no training but of the detection or mitigation of bias",
    consent="given, and can be withdrawn: the data are published anew every month",
    label_provenance="self-reported",
    labelled_by="age, pronouns, ancestry, natural skin, hair and eye colour: the participants; what is "
    "apparent, scenes and cameras: the participants and annotators of quality",
    caution="Self-reported labels of paid participants in 81 countries; not a sample of any population.",
    source="Sony AI, Nature 2025; github.com/SonyResearch/fhibe_evaluation_api",
    cluster="subject_id",
    image_attributes=OF_IMAGES,
    layout="public code of the publisher, not a real copy",
    renewed_days=31,
    thumbnails=False,  # consent can be withdrawn at any time
    notes=(NO_IMAGES,),
)


def load_fhibe(root: Path, *, part: str = WHOLE) -> FileDataset:
    """FHIBE: the folder fhibe.VERSION_downsampled_public, or the one that holds it.

    A row is a person in an image, cut out by person_bbox where the table has it. Attributes: pronoun,
    ancestry (five regions) and ancestry_subregion, nationality, age (years), age_band, skin_tone and
    apparent_skin_tone (Fitzpatrick I, the lightest, to VI, from the RGB values), hair, face, scene, lighting,
    weather, camera and country. Values that people gave several of are joined by " + ": see
    `probes.datasets.memberships`. "Prefer not to say" is no label. Images of a person are a cluster.

    Parameters
    ----------
    root
        The folder.
    part
        Which of its two tables: whole images, or faces that are cut out and aligned.

    Raises
    ------
    UserError
        The folder, the table or a column is missing, the table ends in the middle of a row, a value cannot
        be read, or no image is there.
    """
    home = _home(root)
    file = find(home, f"data/processed/{part}/{part}.csv", what="FHIBE")
    table = read_table(file, NEEDED)
    frame, orders, notes = _attributes(file, table)
    boxes = _boxes(file, table) if part == WHOLE else None
    reason = _reasons(home, table, boxed=boxes is not None)
    kept = reason.isna().to_numpy()
    if not kept.any():
        raise UserError(f"{home}: none of its images", remedy="unpack data/raw/ beside data/processed/")
    several = [name for name in (*SEVERAL_VALUES.values(), "ancestry", "ancestry_subregion") if name in frame]
    attributes = [name for name in map(str, frame) if name not in (ID, "subject_id")]
    match = VERSION.fullmatch(home.name)
    card = replace(
        CARD,
        name="fhibe" if part == WHOLE else "fhibe_face",
        title="FHIBE" if part == WHOLE else "FHIBE-Face",
        version=match["version"] if match else NOT_STATED,
        several_values=tuple(several),
        image_attributes=tuple(name for name in OF_IMAGES if name in frame),
        notes=(*CARD.notes, BINS, *notes),
    )
    return FileDataset(
        frame[kept].reset_index(drop=True),
        root=home,
        attributes=attributes,
        card=card,
        files=table.loc[kept, "filepath"].tolist(),
        boxes=None if boxes is None else [box for box, there in zip(boxes, kept, strict=True) if there],
        orders=orders,
        dropped=frame[~kept].assign(**{REASON: reason[~kept]}),
        derived={"age_band": "age", "ancestry_subregion": "ancestry"},
    )


def load_fhibe_face(root: Path) -> FileDataset:
    """The aligned faces of FHIBE; see `load_fhibe`."""
    return load_fhibe(root, part=FACES)


FACE_CARD = replace(CARD, name="fhibe_face", title="FHIBE-Face")


def _home(root: Path) -> Path:
    """The folder above data/: the given one, or the only one of FHIBE in it."""
    find(root, ".", what="FHIBE")
    if (root / "data" / "processed").is_dir():
        return root
    inside = sorted(path for path in root.glob("fhibe.*") if (path / "data" / "processed").is_dir())
    if len(inside) > 1:
        names = ", ".join(path.name for path in inside)
        raise UserError(
            f"{root}: several versions of FHIBE: {names}", remedy="name the newest, delete others"
        )
    if not inside:
        raise UserError(
            f"{root}: no data/processed", remedy="give the folder fhibe.VERSION_downsampled_public"
        )
    return inside[0]


def _attributes(
    file: Path, table: pd.DataFrame
) -> tuple[pd.DataFrame, dict[str, tuple[str, ...]], list[str]]:
    """Identifiers and attributes, the order of the values, and what a reader must know."""
    # An image of two people has two rows.
    ids = table["image_id"] + "/" + table["subject_id"]
    columns: dict[str, pd.Series] = {ID: ids, "subject_id": table["subject_id"]}
    orders: dict[str, tuple[str, ...]] = {"age_band": AGE_BANDS}
    notes: list[str] = []
    for written, name in {**SEVERAL_VALUES, **ONE_VALUE}.items():
        if written in table:
            columns[name], orders[name] = in_words(
                file, table[written], joined=SEVERAL if written in SEVERAL_VALUES else None
            )
    regions, subregions = ancestries(file, table["ancestry"])
    (columns["ancestry"], orders["ancestry"]), (columns["ancestry_subregion"], order) = regions, subregions
    orders["ancestry_subregion"] = order
    columns["age"], columns["age_band"] = age_bands(file, table["age"])
    for written, name in SKIN_COLUMNS.items():
        if written in table:
            columns[name], said = skin_tones(file, table[written])
            orders[name] = SKIN_TONES
            notes += [f"{name}: {said}"] if said else []
    if "location_country" in table:
        columns["country"], said = countries(table["location_country"])
        notes += [said] if said else []
    return pd.DataFrame(columns), orders, notes


def _boxes(file: Path, table: pd.DataFrame) -> list[Box] | None:
    """The person of each row: left, top, width and height in pixels, in person_bbox."""
    if "person_bbox" not in table:
        return None
    boxes = []
    for line, text in table["person_bbox"].items():
        sides = [float(part) for part in re.findall(r"-?\d+(?:\.\d+)?", text)]
        if len(sides) != 4:
            raise UserError(
                f"{file}, row {line}: person_bbox is {text[:80]!r}", remedy="it has x, y, width, height"
            )
        left, top, width, height = sides
        boxes.append((left, top, left + width, top + height))
    return boxes


def _reasons(home: Path, table: pd.DataFrame, *, boxed: bool) -> pd.Series:
    """[N] why a row cannot be used, NaN where it can."""
    there = {path.relative_to(home).as_posix() for path in find_images(home / "data")}
    reason = pd.Series(None, index=table.index, dtype=object)
    if not boxed and "is_primary" in table:
        shared = table["filepath"].duplicated(keep=False)
        # Without boxes both rows would be the same whole image; the main person's row is kept.
        primary = table["is_primary"].str.lower().isin(["true", "1", "1.0", "yes"])
        reason = reason.mask(shared & ~primary, OTHER_PERSON)
    return reason.mask(~table["filepath"].isin(list(there)), NO_FILE)


KINDS = (DatasetKind.published(load_fhibe, CARD), DatasetKind.published(load_fhibe_face, FACE_CARD))
