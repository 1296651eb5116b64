"""The sets behind DataComp's published figures, with a row of metadata an image (Gadre et al. 2023).

    ROOT/classnames.txt
    ROOT/test/nshards.txt  0.tar  1.tar ...     members KEY.webp KEY.cls KEY.npy

KEY.npy holds numbers whose order DataComp's evaluation states. They are not the full data sets: tables of
figures such as the accuracy of the worst region of GeoDE refer to these files.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from clipmodel.errors import UserError
from clipmodel.evaluation.readers.web_dataset import CLASSNAMES, IMAGE_KINDS, SHARDS, Part, index_tar
from probes.datasets.cards import UNVERIFIED, DataCard, describe
from probes.datasets.dataset_kind import DatasetKind
from probes.datasets.demographic_dataset import ID, REASON
from probes.datasets.fairface_age_bands import AGE_BANDS
from probes.datasets.file_dataset import find
from probes.datasets.formats.folders_and_tars import TarDataset
from probes.datasets.published import fairface, geode_dollar_street
from probes.datasets.published.fairface import RACES

LAYOUT = "public code of DataComp, not a real copy"
NO_IMAGE, NO_METADATA = "the sample has no image", "the sample has no row of metadata"
CLASS = "class"
GENDERS = ("Male", "Female")
WHITE = ("White", "Non-White")
UTKFACE_RACES = ("Black", "White", "Indian", "Asian", "Others")


@dataclass(frozen=True, kw_only=True)
class WdsSet:
    """One of the sets.

    Attributes
    ----------
    card
        Of the data.
    fields
        What the numbers of KEY.npy are, in their order.
    names
        Field -> the words of its numbers 0, 1 ...; the numbers themselves where nothing names them.
    label
        What the class of KEY.cls is called as an attribute; None where it is nothing of the image.
    """

    card: DataCard
    fields: tuple[str, ...]
    names: Mapping[str, Sequence[str]]
    label: str | None = CLASS


def _card(name: str, title: str, base: DataCard | None = None, **changes: object) -> DataCard:
    card = base or DataCard(
        name=name, title=title, version="DataComp", licence=f"see the data's own page {UNVERIFIED}",
        consent="none asked: no persons", label_provenance="not stated", caution="Not persons.",
    )  # fmt: skip
    known: dict[str, object] = {
        "name": name, "title": title, "version": "DataComp's test set", "layout": LAYOUT, **changes,
    }  # fmt: skip
    return replace(card, **known)  # type: ignore[arg-type]


NUMBERS = "The numbers are those of the file, which does not name them: "
FACE_FIELDS = ("age", "gender", "race", "race_white")
SETS: Final[dict[str, WdsSet]] = {
    "fairface_wds": WdsSet(
        card=_card("fairface_wds", "FairFace, as DataComp evaluates it", fairface.CARD, image_attributes=()),
        fields=FACE_FIELDS,
        names={"age": AGE_BANDS, "gender": GENDERS, "race": RACES, "race_white": WHITE},
        label=None,
    ),
    "utkface_wds": WdsSet(
        card=_card(
            "utkface_wds", "UTKFace, as DataComp evaluates it",
            licence="non-commercial research only", consent="not asked: images collected on the web",
            label_provenance="perceived", source="Zhang, Song & Qi, CVPR 2017",
            labelled_by="a model that estimated, and annotators who checked",
            caution="Age, gender and race were estimated by a model and checked by annotators.",
        ),
        fields=FACE_FIELDS,
        names={"age": AGE_BANDS, "gender": GENDERS, "race": UTKFACE_RACES, "race_white": WHITE},
        label=None,
    ),
    "geode_wds": WdsSet(
        card=_card(
            "geode_wds", "GeoDE, as DataComp evaluates it", geode_dollar_street.GEODE,
            image_attributes=("object", "region", "country"), notes=(f"{NUMBERS}region, country.",),
        ),
        fields=("region", "country"),
        names={},
        label="object",
    ),
    "dollar_street_wds": WdsSet(
        card=_card(
            "dollar_street_wds", "Dollar Street, as DataComp evaluates it",
            geode_dollar_street.DOLLAR_STREET, cluster=None,
            image_attributes=("topic", "income_ds", "income_meta", "region"),
            notes=(f"{NUMBERS}income_ds, income_meta, region.",),
        ),
        fields=("income_ds", "income_meta", "region"),
        names={},
        label="topic",
    ),
    "iwildcam_wds": WdsSet(
        card=_card(
            "iwildcam_wds", "iWildCam (WILDS), as DataComp evaluates it", licence="CDLA-Permissive-1.0",
            labelled_by="experts on wildlife, as the data's paper says",
            # A camera trap takes several images of one animal in a row.
            cluster="sequence", source="Koh et al., ICML 2021", caution="Animals, by camera trap.",
            image_attributes=(CLASS, "location", "year", "month", "day", "hour"),
        ),
        fields=("location", "sequence", "year", "month", "day", "hour", "minute", "second", "y"),
        names={},
    ),
    "fmow_wds": WdsSet(
        card=_card(
            "fmow_wds", "FMoW (WILDS), as DataComp evaluates it", source="Koh et al., ICML 2021",
            labelled_by="crowd workers, as the data's paper says",
            caution="Satellite images, by region and year.", image_attributes=(CLASS, "region", "year"),
            notes=(f"{NUMBERS}region, year.",),
        ),
        fields=("region", "year", "y"),
        names={},
    ),
    "camelyon17_wds": WdsSet(
        card=_card(
            "camelyon17_wds", "Camelyon17 (WILDS), as DataComp evaluates it", source="Koh et al., ICML 2021",
            labelled_by="pathologists, as the data's paper says",
            caution="Patches of tissue, by hospital and slide.", cluster="slide", licence="CC0 1.0",
            image_attributes=(CLASS, "hospital"),
        ),
        fields=("hospital", "slide", "y"),
        names={},
    ),
}  # fmt: skip
# No groups to compare by, and "y" is the class once more.
NO_ATTRIBUTE = ("minute", "second", "y")


def load_wds(root: Path, *, name: str) -> TarDataset:
    """One of `SETS`: the folder of classnames.txt and test/.

    Attributes: the fields of the metadata, and the class. Samples without image or metadata are dropped and
    counted.

    Raises
    ------
    UserError
        The folder is none of the layout, a shard is missing or cut off, a row of metadata has another
        number of values than the set, a number has no name, or no sample is complete.
    """
    chosen = SETS[name]
    find(root / "test", SHARDS, what=chosen.card.title)
    classes = _lines(root / CLASSNAMES) if chosen.label else []
    rows, places, dropped = [], [], []
    for shard in _shards(root / "test"):
        for key, sample in index_tar(shard).items():
            labels = _labels(shard, key, sample, chosen)
            if chosen.label:
                labels[chosen.label] = _class_name(shard, key, sample, classes)
            image = next((sample[kind] for kind in IMAGE_KINDS if kind in sample), None)
            if image is None or "npy" not in sample:
                dropped.append({REASON: NO_IMAGE if image is None else NO_METADATA, **labels})
                continue
            rows.append({ID: f"{shard.stem}/{key}", **labels})
            places.append((image.path, image.offset, image.size))
    if not rows:
        raise UserError(f"{root}: no sample with an image and metadata", remedy="take DataComp's own files")
    attributes = [one for one in rows[0] if one not in (ID, chosen.card.cluster, *NO_ATTRIBUTE)]
    known = describe(pd.DataFrame(rows), root, attributes=attributes, card=chosen.card)
    return TarDataset(
        known.frame,
        attributes=known.attributes,
        card=known.card,
        orders={**chosen.names, **known.orders},
        places=places,
        dropped=pd.DataFrame(dropped, columns=[REASON, *attributes]),
    )


def _lines(file: Path) -> list[str]:
    if not file.is_file():
        raise UserError(f"no {file.name} in {file.parent}", remedy="it names the classes: copy it too")
    return [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines()]


def _shards(folder: Path) -> list[Path]:
    text = (folder / SHARDS).read_text(encoding="utf-8").strip()
    if not text.isdecimal():
        raise UserError(f"{folder / SHARDS}: {text[:40]!r} is no number", remedy="download it again")
    shards = [folder / f"{number}.tar" for number in range(int(text))]
    if missing := next((shard for shard in shards if not shard.is_file()), None):
        raise UserError(f"no {missing}, of {text} shards", remedy="copy it again")
    return shards


def _labels(shard: Path, key: str, sample: Mapping[str, Part], chosen: WdsSet) -> dict[str, str | None]:
    """The fields of the metadata in words; a negative number is no label."""
    if "npy" not in sample:
        return {}
    try:
        # A .npy file may hold a pickle, which could run code.
        row = np.atleast_1d(np.load(io.BytesIO(sample["npy"].read()), allow_pickle=False)).ravel()
        numbers = [int(value) for value in row]
    except (ValueError, OverflowError) as error:
        raise UserError(f"{shard}: {key}.npy cannot be read", remedy="copy the shard again") from error
    if len(numbers) != len(chosen.fields):
        raise UserError(
            f"{shard}: {key}.npy has {len(numbers)} values, expected {', '.join(chosen.fields)}",
            remedy="check that the set is the one named",
        )
    labels: dict[str, str | None] = {}
    for field, number in zip(chosen.fields, numbers, strict=True):
        words = chosen.names.get(field)
        if words is not None and number >= len(words):
            raise UserError(
                f"{shard}: {key}.npy: {field} is {number}, of {len(words)} values",
                remedy="check that the set is the one named",
            )
        labels[field] = None if number < 0 else str(number) if words is None else words[number]
    return labels


def _class_name(shard: Path, key: str, sample: Mapping[str, Part], classes: Sequence[str]) -> str | None:
    if "cls" not in sample:
        return None
    text = sample["cls"].read().decode("ascii", "replace").strip()
    if not text.isdecimal() or int(text) >= len(classes):
        raise UserError(
            f"{shard}: {key}.cls is {text[:40]!r}, of {len(classes)} classes",
            remedy="copy classnames.txt too",
        )
    # A blank line in classnames.txt is a class without a name, kept so that later numbers stay right.
    return classes[int(text)] or None


KINDS = tuple(DatasetKind.published(partial(load_wds, name=name), one.card) for name, one in SETS.items())
