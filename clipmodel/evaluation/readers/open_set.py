"""From a name on the command line to an evaluation set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from clipmodel.errors import UserError
from clipmodel.evaluation.readers.candidate_sets import read_candidate_sets
from clipmodel.evaluation.readers.captioned_images import (
    read_coco,
    read_flickr,
    read_karpathy,
    read_multilingual,
)
from clipmodel.evaluation.readers.digits import ENTRY as DIGITS
from clipmodel.evaluation.readers.digits import read_digits
from clipmodel.evaluation.readers.evaluation_set import EvaluationSet
from clipmodel.evaluation.readers.image_folder import read_image_folder
from clipmodel.evaluation.readers.image_tables import read_hugging_face, read_table
from clipmodel.evaluation.readers.remote_files import RemoteFolder
from clipmodel.evaluation.readers.subsets import restricted
from clipmodel.evaluation.readers.web_dataset import SHARDS, read_web_dataset
from clipmodel.evaluation.registry.catalogue import YAML_SUFFIXES, load_entry
from clipmodel.evaluation.registry.entry import SetEntry

KINDS = ("wds", "folder", "flickr8k", "karpathy", "coco", "xm3600", "table", "winogavil", "hf")
URL = ("http://", "https://")
WHAT_CAN_BE_OPENED = (
    "a registry name such as digits, emoji or cifar10 (see clip-audit evaluate sets), a YAML of your own, or "
    f"{', '.join(f'{kind}:PATH' for kind in KINDS[:-1])}, hf:NAME"
)


def open_set(
    spec: str,
    *,
    root: Path | None = None,
    split: str = "test",
    language: str = "en",
    cache: Path,
) -> EvaluationSet:
    """Open an evaluation set; its images are read when they are embedded.

    Parameters
    ----------
    spec
        A registry name, "KIND:PATH" (see `KINDS`), or a YAML of one's own.
    root
        Folder of the images of a registry set: in it, or in a folder of the set's name inside it.
    split
        Which part of the set, if it has parts.
    language
        Of the captions of a multilingual set.
    cache
        Folder for what is downloaded.

    Raises
    ------
    UserError
        There is no such set, or it does not fit; see the readers.
    """
    kind, _, place = spec.partition(":")
    if kind in KINDS and place:
        return _of_kind(kind, place, root=root, split=split, language=language, cache=cache)
    if spec == DIGITS.name:
        return read_digits(split=split)
    entry = load_entry(spec)
    if entry.images_of is not None:
        whole = open_set(entry.images_of, root=root, split=split, language=language, cache=cache)
        return restricted(whole, entry)
    if spec.endswith(YAML_SUFFIXES) and root is None and entry.root is not None:
        root = Path(spec).parent / entry.root
        return open_root(root, entry, split=split)
    if root is not None:
        inside = root / entry.name
        return open_root(inside if inside.is_dir() else root, entry, split=split)
    return _published(entry, split=split, language=language, cache=cache)


def _published(entry: SetEntry, *, split: str, language: str, cache: Path) -> EvaluationSet:
    reasons = []
    # CLIP_benchmark's home first, then DataComp's: either may be unreachable.
    for url in entry.wds:
        try:
            return read_web_dataset(RemoteFolder(url, cache), entry, split=split, language=language)
        except UserError as error:
            reasons.append(error.message)
    raise UserError(
        "; ".join(reasons) or f"{entry.name}: not published as WebDataset shards",
        remedy=f"give its folder with --root; the set is described at {entry.source}",
    )


def open_root(root: Path, entry: SetEntry, *, split: str = "test") -> EvaluationSet:
    """A set in a folder or file, whatever its layout.

    Raises
    ------
    UserError
        It is not there, or its layout is none of those known.
    """
    if not root.exists():
        raise UserError(f"{root}: not there", remedy="check --root")
    if entry.task == "image_selection":
        return read_candidate_sets(root, entry)
    if root.is_file():
        return read_table(root, entry)
    if (root / split / SHARDS).is_file():
        return read_web_dataset(root, entry, split=split)
    if entry.task == "zeroshot_retrieval":
        return _captions_in(root, entry, split=split)
    inside = root / split
    return read_image_folder(inside if inside.is_dir() else root, entry)


def _captions_in(root: Path, entry: SetEntry, *, split: str) -> EvaluationSet:
    if found := sorted(root.glob("dataset_*.json")):
        return read_karpathy(found[0], entry, split=split)
    if found := sorted(root.glob("captions_*.json")):
        return read_coco(found[0], entry)
    return read_flickr(root, entry)


def _of_kind(
    kind: str, place: str, *, root: Path | None, split: str, language: str, cache: Path
) -> EvaluationSet:
    path = Path(place)
    name = path.stem if path.suffix else path.name or place
    labelled = SetEntry(name=name, title=name, metric="acc1", source=place)
    captioned = SetEntry(
        name=name, title=name, metric="mean_recall@1", source=place, task="zeroshot_retrieval"
    )
    readers: dict[str, Callable[[], EvaluationSet]] = {
        "wds": lambda: _web_dataset(place, split=split, language=language, cache=cache),
        "folder": lambda: read_image_folder(path, labelled),
        "flickr8k": lambda: read_flickr(path, captioned.model_copy(update={"name": "flickr8k"})),
        "karpathy": lambda: read_karpathy(path, captioned, root=root, split=split),
        "coco": lambda: read_coco(path, captioned, root=root),
        "xm3600": lambda: read_multilingual(path, captioned, language=language, root=root),
        "table": lambda: read_table(path, labelled),
        "winogavil": lambda: read_candidate_sets(path, load_entry("winogavil")),
        "hf": lambda: read_hugging_face(place, labelled, split=split),
    }
    if kind not in ("wds", "hf") and not path.exists():
        raise UserError(f"{spec_of(kind, place)}: there is no {place}", remedy="check the path")
    return readers[kind]()


def spec_of(kind: str, place: str) -> str:
    """The form in which a set is named on the command line."""
    return f"{kind}:{place}"


def _web_dataset(place: str, *, split: str, language: str, cache: Path) -> EvaluationSet:
    base = place.rstrip("/").partition("/tree/")[0].rpartition("/")[2]
    # "wds_vtab-cifar10" and DataComp's "wds_vtab-cifar10_test" are the registry's cifar10.
    name = base.removeprefix("wds_").removesuffix("_test")
    try:
        entry = load_entry(
            name.replace("vtab-", "vtab/").replace("wilds-", "wilds/").replace("fairness-", "fairness/")
        )
    except UserError:
        entry = SetEntry(name=name, title=name, metric="acc1", source=place)
    source: Path | RemoteFolder = RemoteFolder(place, cache) if place.startswith(URL) else Path(place)
    if isinstance(source, Path) and not source.is_dir():
        raise UserError(f"{place}: no such folder", remedy="check the path")
    return read_web_dataset(source, entry, split=split, language=language)
