"""The manifest of a run as types, and the check that a manifest is one.

Keys that are not `NotRequired` are there in every manifest; a key that no type here names is refused. So a
new key is declared here before it is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NotRequired

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from probes.records.schemas import attribute_column
from probes.records.vocabulary import CHANGES, SCHEMA_VERSION

Described = Literal["person", "image"]
"""What an attribute describes: whom an image shows, or the image itself (its source, split or design)."""


_closed = with_config(ConfigDict(extra="forbid"))
"""Keys that are not declared are refused."""


@_closed
class SuiteEntry(TypedDict):
    """The suite that was run."""

    name: str
    title: NotRequired[str]
    sha256: NotRequired[str]
    text: NotRequired[str]


@_closed
class ModelEntry(TypedDict):
    """The model that was asked."""

    name: str
    fingerprint: NotRequired[str]
    preprocessing: NotRequired[str]
    logit_scale: NotRequired[float]
    logit_bias: NotRequired[float | None]


@_closed
class WorstCell(TypedDict):
    """The value of one attribute that says most about the other."""

    attribute: str
    value: str
    other: str
    other_value: str
    n: int  # images with `value`
    count: int  # of them, images with `other_value` too
    n_rest: int  # images without `value`
    count_rest: int  # of them, images with `other_value`


@_closed
class Confounding(TypedDict):
    """How far two attributes are associated in the images of a probe."""

    attributes: list[str]
    n: int
    cramers_v: float
    worst: WorstCell | None  # None if no group is large enough to tell
    confounded: bool


@_closed
class DataEntry(TypedDict):
    """The card of the data, and which of its images were asked about."""

    name: str
    title: NotRequired[str]
    version: NotRequired[str]
    sha256: NotRequired[str]
    licence: NotRequired[str]
    consent: NotRequired[str]
    label_provenance: NotRequired[str]
    labelled_by: NotRequired[str]
    source: NotRequired[str]
    cluster: NotRequired[str | None]
    n_images: NotRequired[int]
    n_unreadable: NotRequired[int]
    n_not_loaded: NotRequired[int]
    notes: NotRequired[list[str]]
    images_sha256: NotRequired[str]
    caution: NotRequired[str]
    confounding: NotRequired[list[Confounding]]


@_closed
class Scale(TypedDict):
    """The number that each value of an ordered attribute stands for; see `probes.planning.ordinal_scales`."""

    kind: Literal["numbers", "midpoints", "ranks"]
    scores: list[float]  # of the values of `order`


@_closed
class AttributeEntry(TypedDict):
    """A group attribute."""

    name: str  # in the data and in the suite
    column: str  # in every table: see `schemas.attribute_column`
    of: Described
    order: list[str]  # its values in natural order
    scale: NotRequired[Scale]  # of an attribute whose values have an order that a trend can follow


@_closed
class OutcomeEntry(TypedDict):
    """An outcome of a classification probe."""

    name: str
    kind: str
    sets: list[str]
    title: NotRequired[str]
    harmful: NotRequired[bool]


@_closed
class ClassEntry(TypedDict):
    """A class that some design offers."""

    name: str
    set: NotRequired[str]
    truth: NotRequired[str | list[str] | None]
    prompts: NotRequired[list[str]]


@_closed
class DesignEntry(TypedDict):
    """A class design."""

    name: str
    classes: NotRequired[list[str]]
    description: NotRequired[str]


@_closed
class ProbeEntry(TypedDict):
    """A probe; its groups, references and control are columns of the tables."""

    name: str
    groups: list[list[str]]
    outcomes: list[OutcomeEntry]
    title: NotRequired[str]
    question: NotRequired[str]
    kind: NotRequired[str]
    truth: NotRequired[str | None]
    label_set: NotRequired[str]
    label_set_source: NotRequired[str]
    note: NotRequired[str]
    harmful: NotRequired[bool | list[str]]
    sets: NotRequired[dict[str, list[str]]]
    classes: NotRequired[list[ClassEntry]]
    designs: NotRequired[list[DesignEntry]]
    templates: NotRequired[list[str]]
    template_texts: NotRequired[dict[str, list[str]]]
    references: NotRequired[dict[str, str]]
    control: NotRequired[list[str]]
    where_text: NotRequired[str]
    min_group: NotRequired[int]
    specifications: NotRequired[
        list[tuple[str, str, str, float | None]]
    ]  # specifications, in the order of outcome bits
    prompts: NotRequired[list[str]]
    settings: NotRequired[dict[str, Any]]
    meaning: NotRequired[str]
    units: NotRequired[dict[str, str]]  # start of a metric's name -> share, points or effect
    drawn: NotRequired[list[str]]
    rules: NotRequired[str]


@_closed
class Manifest(TypedDict):
    """What was asked of which model on which data."""

    schema_version: int
    suite: SuiteEntry
    model: ModelEntry
    data: DataEntry
    attributes: list[AttributeEntry]
    probes: list[ProbeEntry]
    seed: int
    min_group: NotRequired[int]
    min_clusters: NotRequired[int]
    population: NotRequired[dict[str, Any] | None]
    gates: NotRequired[list[dict[str, Any]]]
    published: NotRequired[dict[str, Any] | None]
    prompts_sha256: NotRequired[str]
    confirmation: NotRequired[dict[str, Any] | None]
    versions: NotRequired[dict[str, str]]


_MANIFEST: Final = TypeAdapter(Manifest)


def attribute_entry(name: str, *, of: Described = "person", order: Sequence[str] = ()) -> AttributeEntry:
    """The entry of a group attribute of this name.

    Examples
    --------
    >>> attribute_entry("rate", order=["low", "high"])["column"]
    'attribute: rate'
    """
    return {"name": name, "column": attribute_column(name), "of": of, "order": [str(one) for one in order]}


def version_words(version: object) -> str:
    """Why a folder of another schema version is refused."""
    written = f"schema version {version!r}, this program reads {SCHEMA_VERSION}"
    if not isinstance(version, int) or version not in CHANGES or version >= SCHEMA_VERSION:
        return written
    later = "; then ".join(CHANGES[one] for one in sorted(CHANGES) if one > version)
    return f"{written}. Since then: {later}"


def check_manifest(manifest: Mapping[str, Any]) -> None:
    """Check that a manifest has the keys and types of `Manifest`, and that its attributes have their columns.

    Raises
    ------
    ValueError
        With the place in the manifest and what is wrong there.
    """
    if manifest.get("schema_version") != SCHEMA_VERSION:
        raise ValueError(f"manifest: {version_words(manifest.get('schema_version'))}")
    try:
        checked = _MANIFEST.validate_python(dict(manifest))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"])
        raise ValueError(f"manifest: {place}: {first['msg']}") from error
    columns = [one["column"] for one in checked["attributes"]]
    for one in checked["attributes"]:
        if one["column"] != (right := attribute_column(one["name"])):
            raise ValueError(
                f"manifest: the attribute {one['name']!r} has the column {right!r} in every table"
            )
    if repeated := sorted({name for name in columns if columns.count(name) > 1}):
        raise ValueError(f"manifest: the attributes {repeated} are there twice")
    for probe in checked["probes"]:
        named = [name for grouping in probe["groups"] for name in grouping] + probe.get("control", [])
        if unknown := sorted(set(named) - set(columns)):
            raise ValueError(
                f"manifest: the probe {probe['name']!r} compares by {unknown}, no such attribute"
            )
