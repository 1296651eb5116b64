"""The shipped entries, the lists of sets that the literature averages over, and ImageNet's class maps."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from clipmodel.errors import UserError
from clipmodel.evaluation.registry.entry import Metric, SetEntry
from clipmodel.yaml_models import StrictModel, closest, read_yaml_model

DATA = Path(__file__).parent / "data"
YAML_SUFFIXES = (".yaml", ".yml")


class Member(StrictModel):
    """A set in a list: its metric there, and its name in that list's published tables."""

    set: str
    metric: Metric
    column: str
    groups: tuple[str, ...] = ()


class SetList(StrictModel):
    """Sets whose main metrics are averaged, as a publication does it."""

    title: str
    source: str
    members: list[Member]


class _Lists(StrictModel):
    lists: dict[str, SetList]


class _Maps(StrictModel):
    source: str
    subsets: dict[str, list[int]]
    objectnet: dict[str, list[int]]


@cache
def entry_names() -> list[str]:
    """Names of the shipped sets, sorted."""
    return sorted(path.stem for path in (DATA / "sets").glob("*.yaml"))


@cache
def _aliases() -> dict[str, str]:
    return {alias: name for name in entry_names() for alias in _read(name).aliases}


@cache
def _read(name: str) -> SetEntry:
    return read_yaml_model(DATA / "sets" / f"{name}.yaml", SetEntry, what="evaluation set")


def load_entry(name: str) -> SetEntry:
    """A shipped set by its name or alias ("vtab/dtd", "wds/vtab/dtd"), or a YAML of one's own.

    An ImageNet subset gets its class names here.

    Raises
    ------
    UserError
        There is no such set, or the file does not fit; the closest name is offered.
    """
    if name.endswith(YAML_SUFFIXES):
        return _with_subset(read_yaml_model(Path(name), SetEntry, what="evaluation set"))
    plain = name.removeprefix("wds/")
    plain = _aliases().get(plain, plain)
    if plain not in entry_names():
        remedy = closest(plain, [*entry_names(), *_aliases()])
        raise UserError(f"no evaluation set named {name!r}", remedy=remedy)
    return _with_subset(_read(plain))


def _with_subset(entry: SetEntry) -> SetEntry:
    if entry.subset is None or entry.classes is not None:
        return entry
    if entry.subset == "objectnet":
        # Lower case, as CLIP_benchmark and DataComp ask them.
        return entry.model_copy(update={"classes": [name.lower() for name in imagenet_maps().objectnet]})
    names = _read("imagenet1k").classes
    assert names is not None, "ImageNet is shipped with its class names"
    return entry.model_copy(update={"classes": [names[i] for i in imagenet_maps().subsets[entry.subset]]})


@cache
def imagenet_maps() -> _Maps:
    """ImageNet's zero-based classes of ImageNet-A and -R, and those of each class of ObjectNet."""
    return read_yaml_model(DATA / "imagenet_maps.yaml", _Maps, what="class map")


@cache
def set_lists() -> dict[str, SetList]:
    """Lists by name: "paper27", "kornblith12", "datacomp38", "vtab19", "imagenet_shifts"."""
    return read_yaml_model(DATA / "lists.yaml", _Lists, what="list of evaluation sets").lists
