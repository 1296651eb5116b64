"""Demographic data sets, by name: `load_dataset("emoji")`, `load_dataset("table:FILE")`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from clipmodel.errors import UserError
from clipmodel.yaml_models import closest, is_file, shortened
from probes.datasets import emoji
from probes.datasets.annotation_tables import SEPARATORS, SUFFIXES
from probes.datasets.cards import DataCard
from probes.datasets.demographic_dataset import DemographicDataset, UnreadableImageError
from probes.datasets.formats.embeddings import EmbeddedDataset, load_embeddings
from probes.datasets.formats.folders_and_tars import load_image_folder, load_webdataset
from probes.datasets.formats.hugging_face import load_hugging_face
from probes.datasets.formats.predictions import PREDICTION_COLUMNS, SCORE_PREFIX, load_predictions
from probes.datasets.formats.table import TableDataset
from probes.datasets.published import (
    ai_face,
    casual_conversations_v1,
    casual_conversations_v2,
    celeba,
    congress,
    datacomp_sets,
    facet,
    fair_vlmed,
    fairface,
    fhibe,
    geode_dollar_street,
    lfwa,
    miap,
    mst_e,
    pairs,
    pata,
    phase,
    ppb,
    social_counterfactuals,
    utkface,
    visogender,
)
from probes.embeddings.folder import FolderDataset

__all__ = ["DataCard", "DemographicDataset", "EmbeddedDataset", "UnreadableImageError", "load_dataset"]


@dataclass(frozen=True)
class Kind:
    """What KIND:PATH reads: a published data set with its card, or data of one's own."""

    load: Callable[[Path], DemographicDataset]
    card: DataCard | None = None
    title: str = ""


def _embeddings(path: Path) -> DemographicDataset:
    return FolderDataset(path) if path.is_dir() else load_embeddings(path)


EMBEDDED: dict[str, Callable[[], DemographicDataset]] = {"emoji": emoji.EmojiDataset}
AT_PATH: dict[str, Kind] = {
    "fairface": Kind(fairface.load_fairface, fairface.CARD),
    "utkface": Kind(utkface.load_utkface, utkface.CARD),
    "celeba": Kind(celeba.load_celeba, celeba.CARD),
    "lfwa": Kind(lfwa.load_lfwa, lfwa.CARD),
    "facet": Kind(facet.load_facet, facet.CARD),
    "miap": Kind(miap.load_miap, miap.CARD),
    "ppb": Kind(ppb.load_ppb, ppb.CARD),
    "congress": Kind(congress.load_congress, congress.CARD),
    "casual_conversations_v1": Kind(
        casual_conversations_v1.load_casual_conversations_v1, casual_conversations_v1.CARD
    ),
    "casual_conversations_v2": Kind(
        casual_conversations_v2.load_casual_conversations_v2, casual_conversations_v2.CARD
    ),
    "visogender": Kind(visogender.load_visogender, visogender.CARD),
    "pata": Kind(pata.load_pata, pata.CARD),
    "social_counterfactuals": Kind(social_counterfactuals.SocialCounterfactuals, social_counterfactuals.CARD),
    "geode": Kind(geode_dollar_street.load_geode, geode_dollar_street.GEODE),
    "dollar_street": Kind(geode_dollar_street.load_dollar_street, geode_dollar_street.DOLLAR_STREET),
    "fhibe": Kind(fhibe.load_fhibe, fhibe.CARD),
    "fhibe_face": Kind(fhibe.load_fhibe_face, fhibe.FACE_CARD),
    "phase": Kind(phase.load_phase, phase.CARD),
    "mst_e": Kind(mst_e.load_mst_e, mst_e.CARD),
    "ai_face": Kind(ai_face.load_ai_face, ai_face.CARD),
    "pairs": Kind(pairs.load_pairs, pairs.CARD),
    "fair_vlmed": Kind(fair_vlmed.load_fair_vlmed, fair_vlmed.CARD),
    **{name: Kind(datacomp_sets.loader(name), one.card) for name, one in datacomp_sets.SETS.items()},
    "table": Kind(TableDataset, title="CSV, TSV or parquet: a column of paths, a column an attribute"),
    "folder": Kind(load_image_folder, title="folders of images, named by their class"),
    "webdataset": Kind(load_webdataset, title="tar files of KEY.jpg with KEY.json"),
    "hugging_face": Kind(load_hugging_face, title="a folder of Hugging Face's datasets"),
    "embeddings": Kind(
        _embeddings, title="npz or parquet: embeddings of images and texts; or a folder that embed wrote"
    ),
    "predictions": Kind(load_predictions, title="a table with predictions, or scores by class"),
}


def load_dataset(spec: str) -> DemographicDataset:
    """A data set by what the command line calls it.

    Parameters
    ----------
    spec
        "emoji", the embedded one, or KIND:PATH, such as "table:people.csv".

    Raises
    ------
    UserError
        There is no such kind, the path is missing, or the data are damaged.
    """
    kind, _, path = spec.partition(":")
    if kind in EMBEDDED and not path:
        return EMBEDDED[kind]()
    if kind in AT_PATH:
        if not path:
            raise UserError(f"the data set {spec!r} needs a path", remedy=f"write {kind}:PATH")
        return _loaded(AT_PATH[kind], Path(path))
    remedy = closest(kind, [*EMBEDDED, *AT_PATH])
    misspelt = path and remedy.startswith("did you mean") and not is_file(Path(spec))
    if not misspelt:
        remedy = _kind_of_path(spec) or remedy
    raise UserError(f"unknown data set {shortened(spec)!r}", remedy=remedy)


def _kind_of_path(spec: str) -> str | None:
    """What to write where a path came without its kind; None where it looks like no path."""
    path = Path(spec)
    if is_file(path) or path.suffix.lower() in SUFFIXES:
        return f"did you mean {_kind_of_file(path)}:{spec}?"
    try:
        return f"did you mean folder:{spec}?" if path.is_dir() else None
    except (OSError, ValueError):
        return None


def _kind_of_file(path: Path) -> str:
    if path.suffix.lower() == ".npz":
        return "embeddings"
    if path.suffix.lower() == ".tar":
        return "webdataset"
    try:
        with path.open(encoding="utf-8-sig") as file:
            header = file.readline().lower()
    except (OSError, UnicodeDecodeError):
        return "table"
    named = {name.strip().strip('"') for name in re.split(f"[{re.escape(SEPARATORS)}]", header)}
    predicted = any(name in PREDICTION_COLUMNS or name.startswith(SCORE_PREFIX) for name in named)
    return "predictions" if predicted else "table"


def _loaded(kind: Kind, path: Path) -> DemographicDataset:
    """The data at a path; whatever the system says against reading them is a UserError."""
    try:
        path.exists()  # a name that is too long, or in a folder that may not be entered
        return kind.load(path)
    except OSError as error:
        raise UserError(
            f"{shortened(path)}: {error.strerror or error}", remedy="check the path after the colon"
        ) from error
    except UserError:
        raise
    except ValueError as error:  # a zero byte in a name, bytes that are no text
        raise UserError(f"{shortened(path)}: {shortened(error)}", remedy="restore the file") from error
    except MemoryError as error:
        raise UserError(f"{shortened(path)}: too large for the memory", remedy="give a part of it") from error
