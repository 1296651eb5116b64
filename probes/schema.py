"""The suite: one YAML file that says what is asked of a model, over which images, in how many ways."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)

from clipmodel.yamlfile import StrictModel, read_yaml_model
from probes.errors import check_known, misplaced
from probes.label_sets import DesignEdit, LabelSet, is_harm
from probes.templates import Ensemble, TemplateFile

DATA = Path(__file__).parent / "data"
MISCLASSIFIED = "misclassified"
ModelT = TypeVar("ModelT", bound=BaseModel)


def _as_text(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError(f"YAML reads this as {value}; put the word in quotes")
    return str(value) if isinstance(value, int | float) else value


Value = Annotated[str, BeforeValidator(_as_text, json_schema_input_type=str | int | float)]
Threshold = Annotated[float, Field(ge=0, le=1)]
Rule = Literal["argmax", "probability"]


def _unique(values: list[Any]) -> list[Any]:
    if repeated := [value for i, value in enumerate(values) if value in values[:i]]:
        raise ValueError(f"{repeated[0]!r} is there twice")
    return values


class Exclusion(StrictModel):
    """A filter that keeps what is not listed."""

    not_: list[Value] = Field(alias="not", min_length=1)


def _kind_of_filter(value: Any) -> str:
    if isinstance(value, dict | Exclusion):
        return "exclusion"
    return "values" if isinstance(value, list) else "value"


# Told apart by a function, so that an error speaks of the form that was written and not of all three.
Filter = Annotated[
    Annotated[Value, Tag("value")]
    | Annotated[list[Value], Field(min_length=1), Tag("values")]
    | Annotated[Exclusion, Tag("exclusion")],
    Discriminator(_kind_of_filter),
]


class Outcome(StrictModel):
    """An event to count: a misclassification, or a prediction in one of some named sets."""

    sets: list[str] = Field(default=[], description="Names of sets of the label set.")
    title: str = ""


def _expand_outcomes(value: Any) -> Any:
    if isinstance(value, list):
        if wrong := [name for name in value if name != MISCLASSIFIED]:
            raise ValueError(f"{wrong[0]!r} needs the sets it counts: write {{{wrong[0]}: [set, ...]}}")
        return {name: {} for name in value}
    if isinstance(value, dict):
        return {name: {"sets": sets} if isinstance(sets, list) else sets for name, sets in value.items()}
    return value


WrittenOutcomes = dict[str, Outcome | list[str]] | list[Literal["misclassified"]]


class Probe(StrictModel):
    """One question: a label set, its class designs and templates, and the groups to compare."""

    name: str = Field(min_length=1)
    title: str = ""
    question: str = Field(default="", description="One sentence, shown in the report.")
    kind: Literal["classification"] = "classification"
    where: dict[str, Filter] = Field(
        default={}, description="Which images: a value, values, or {not: [...]}."
    )
    truth: str | None = Field(default=None, description="The attribute that holds the right answer.")
    label_set: str
    templates: Annotated[list[str], Field(min_length=1), AfterValidator(_unique)] = Field(default=["plain"])
    designs: Annotated[dict[str, DesignEdit], Field(min_length=1)] = Field(
        default={"default": DesignEdit()}, description="Edits of the label set, by name."
    )
    rules: Annotated[list[Rule], Field(min_length=1), AfterValidator(_unique)] = Field(default=["argmax"])
    groups: Annotated[list[Annotated[list[str], Field(min_length=1)]], AfterValidator(_unique)] = Field(
        default=[], description="What to compare by: attributes, or crossings of attributes."
    )
    references: dict[str, Value] = Field(default={}, description="Group to compare with; otherwise the rest.")
    outcomes: Annotated[
        dict[str, Outcome], BeforeValidator(_expand_outcomes, json_schema_input_type=WrittenOutcomes)
    ] = Field(default={}, description="'misclassified', or the sets to count, by name.")
    min_group: int = Field(default=3, ge=1, description="Groups with fewer images get no rate.")

    @property
    def attributes(self) -> list[str]:
        """The group attributes, in the order the suite names them."""
        return list(dict.fromkeys(name for spec in self.groups for name in spec))

    @model_validator(mode="after")
    def _check(self) -> Probe:
        for attribute in self.references:
            check_known(
                attribute, self.attributes, what="group attribute", location=["references", attribute]
            )
        for name, outcome in self.outcomes.items():
            if name == MISCLASSIFIED:
                if self.truth is None:
                    message = "'misclassified' needs a truth"
                    raise misplaced(["outcomes"], message, remedy="name the attribute in 'truth'")
            elif not outcome.sets:
                message = f"the outcome {name!r} names no set"
                raise misplaced(["outcomes", name], message, remedy="list the sets it counts")
        if not self.outcomes:
            message = f"the probe {self.name!r} counts nothing"
            raise misplaced(["outcomes"], message, remedy="give it outcomes: [misclassified]")
        return self


class Gate(StrictModel):
    """A limit on a gap, for continuous integration."""

    name: str
    probe: str
    outcome: str
    groups: list[str] = Field(min_length=1)
    margin: float = Field(gt=0)
    metric: Literal["difference", "ratio"] = "difference"


class Suite(StrictModel):
    """A whole suite, checked against itself: every name it uses is defined in it or shipped."""

    suite: str = Field(min_length=1, description="The suite's name.")
    title: str = ""
    description: str = ""
    data: str = "emoji"
    seed: int = 0
    templates: dict[str, Ensemble] | str = Field(
        default={"plain": ["{a} {label}"]}, description="Named templates, or the name of a shipped file."
    )
    label_sets: dict[str, LabelSet] = Field(default={}, description="Label sets of this suite's own.")
    thresholds: Annotated[list[Threshold], AfterValidator(_unique)] = Field(
        default=[], description="Where the rule 'probability' cuts."
    )
    curve: int = Field(default=101, ge=2, le=10_001, description="Points of the threshold curve on [0, 1].")
    probes: list[Probe] = Field(min_length=1)
    gates: list[Gate] = Field(default=[])

    @model_validator(mode="before")
    @classmethod
    def _name_label_sets(cls, values: Any) -> Any:
        """An inline label set is named by its key."""
        sets = values.get("label_sets") if isinstance(values, dict) else None
        if not isinstance(sets, dict):
            return values
        named = {key: {"name": key, **item} if isinstance(item, dict) else item for key, item in sets.items()}
        return {**values, "label_sets": named}

    @model_validator(mode="after")
    def _check(self) -> Suite:
        _check_names(self)
        for position, probe in enumerate(self.probes):
            _check_probe(self, probe, ["probes", position])
        for position, gate in enumerate(self.gates):
            _check_gate(self, gate, ["gates", position])
        return self

    @cached_property
    def template_texts(self) -> dict[str, list[str]]:
        """Template texts by name."""
        if isinstance(self.templates, dict):
            return self.templates
        return _read_shipped("templates", self.templates, TemplateFile).templates

    def label_set(self, name: str) -> LabelSet:
        """A label set of the suite's own, or a shipped one."""
        return self.label_sets[name] if name in self.label_sets else load_label_set(name)

    def designs(self, probe: Probe) -> dict[str, LabelSet]:
        """The label set of a probe under each of its class designs."""
        base = self.label_set(probe.label_set)
        return {name: base.edited(edit) for name, edit in probe.designs.items()}

    @property
    def attributes(self) -> list[str]:
        """The group attributes of all probes, in the order the suite names them."""
        return list(dict.fromkeys(name for probe in self.probes for name in probe.attributes))

    @property
    def sha256(self) -> str:
        """Over what the suite means: the comments and the order of keys do not count."""
        meaning = json.dumps(self.model_dump(by_alias=True), sort_keys=True)
        return hashlib.sha256(meaning.encode()).hexdigest()

    @property
    def text(self) -> str:
        """The suite with every default written out, as YAML."""
        values = self.model_dump(by_alias=True)
        return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)


def _check_names(suite: Suite) -> None:
    names = [probe.name for probe in suite.probes]
    for position, name in enumerate(names):
        if name in names[:position]:
            message = f"two probes are named {name!r}"
            raise misplaced(["probes", position, "name"], message, remedy="rename one of them")
    if isinstance(suite.templates, str):
        check_known(suite.templates, shipped("templates"), what="template file", location=["templates"])


def _check_probe(suite: Suite, probe: Probe, place: list[int | str]) -> None:
    known = [*suite.label_sets, *shipped("label_sets")]
    check_known(probe.label_set, known, what="label set", location=[*place, "label_set"])
    for i, name in enumerate(probe.templates):
        known_templates = list(suite.template_texts)
        check_known(name, known_templates, what="template", location=[*place, "templates", i])
    designs = _edited_designs(suite, probe, place)
    if probe.truth and not any(design.covered(probe.truth) for design in designs):
        raise misplaced(
            [*place, "truth"],
            f"no class of the label set {probe.label_set!r} says which {probe.truth} it stands for",
            remedy=f"give its classes 'is: {{{probe.truth}: ...}}'",
        )
    sets = sorted({name for design in designs for name in design.sets})
    for name, outcome in probe.outcomes.items():
        if name in sets and outcome.sets != [name]:
            message = f"the outcome {name!r} has the name of another set"
            raise misplaced([*place, "outcomes", name], message, remedy="rename it")
        for i, set_name in enumerate(outcome.sets):
            check_known(set_name, sets, what="set", location=[*place, "outcomes", name, i])
    if "probability" in probe.rules and not suite.thresholds:
        message = "the rule 'probability' needs thresholds"
        raise misplaced([*place, "rules"], message, remedy="add 'thresholds: [0.5]' to the suite")


def _edited_designs(suite: Suite, probe: Probe, place: Sequence[int | str]) -> list[LabelSet]:
    base = suite.label_set(probe.label_set)
    designs = []
    for name, edit in probe.designs.items():
        try:
            designs.append(base.edited(edit))
        except ValidationError as error:
            first = error.errors()[0]
            message = f"the design {name!r} does not fit the label set {base.name!r}: {first['msg']}"
            remedy = first.get("ctx", {}).get("remedy", "correct the design")
            raise misplaced([*place, "designs", name, *first["loc"]], message, remedy=remedy) from error
    return designs


def _check_gate(suite: Suite, gate: Gate, place: list[int | str]) -> None:
    probes = {probe.name: probe for probe in suite.probes}
    check_known(gate.probe, list(probes), what="probe", location=[*place, "probe"])
    probe = probes[gate.probe]
    check_known(gate.outcome, list(probe.outcomes), what="outcome", location=[*place, "outcome"])
    if gate.groups not in probe.groups:
        known = ", ".join(str(spec) for spec in probe.groups)
        message = f"the probe {gate.probe!r} has no groups {gate.groups}"
        raise misplaced([*place, "groups"], message, remedy=f"one of: {known}")


def is_harmful(outcome: Outcome) -> bool:
    """Whether an outcome counts harmful classes only."""
    return bool(outcome.sets) and all(is_harm(name) for name in outcome.sets)


def shipped(kind: Literal["suites", "label_sets", "templates"]) -> list[str]:
    """Names of the files in the package."""
    return sorted(path.stem for path in (DATA / kind).glob("*.yaml"))


def _read_shipped(
    kind: Literal["suites", "label_sets", "templates"], name: str, model: type[ModelT]
) -> ModelT:
    path = DATA / kind / f"{name}.yaml"
    what = kind.removesuffix("s").replace("_", " ")
    return read_yaml_model(path if path.is_file() else Path(name), model, what=what, shipped=shipped(kind))


@cache
def load_label_set(name: str) -> LabelSet:
    """A shipped label set by name."""
    return _read_shipped("label_sets", name, LabelSet)


def load_suite(name_or_path: str | Path) -> Suite:
    """A shipped suite by name, or one of your own by path.

    Raises
    ------
    UserError
        No such suite, or something in it is wrong: the message names file, line, key and the closest
        right word.
    """
    if str(name_or_path) in shipped("suites"):
        return _read_shipped("suites", str(name_or_path), Suite)
    return read_yaml_model(Path(name_or_path), Suite, what="suite", shipped=shipped("suites"))


def suite_json_schema() -> dict[str, Any]:
    """The JSON schema of a suite file, for editors."""
    return Suite.model_json_schema(by_alias=True)
