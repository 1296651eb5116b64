"""The suite: one YAML file that says what is asked of a model, over which images, in how many ways."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from pathlib import Path, PurePath
from typing import Annotated, Any, Union, get_args

import yaml
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    SerializeAsAny,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from clipmodel.yaml_models import StrictModel, read_yaml_model
from probes.measures.registry import KINDS
from probes.rules import calibrated, cosine, probability, top_k
from probes.suite.classification_probe import Probe
from probes.suite.consistency import check_suite
from probes.suite.gate_limits import Gate
from probes.suite.held_out_images import Confirmation
from probes.suite.label_sets import DesignEdit, LabelSet
from probes.suite.population import Population
from probes.suite.probe_base import MOST_IMAGES, ProbeBase
from probes.suite.rule_thresholds import Thresholds, check_written_once, normalised, own_key
from probes.suite.shipped.library import load_label_set, read_shipped, shipped
from probes.suite.templates import Template, TemplateFile, WrittenTemplate
from probes.suite.validation_errors import check_known, misplaced, moved
from probes.suite.values import MOST_WORDS, unique

MODELS: tuple[type[ProbeBase], ...] = (Probe, *(measure.schema for measure in KINDS.values()))
PROBE_KINDS: dict[str, type[ProbeBase]] = {
    str(get_args(model.model_fields["kind"].annotation)[0]): model for model in MODELS
}
DEFAULT_KIND: str = Probe.model_fields["kind"].default

_T, _C, _S = probability.THRESHOLDS, cosine.THRESHOLDS, calibrated.THRESHOLDS
Threshold = Annotated[float, Field(ge=_T.low, le=_T.high, allow_inf_nan=False)]
Cosine = Annotated[float, Field(ge=_C.low, le=_C.high, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=_S.low, lt=_S.high, allow_inf_nan=False)]
Places = Annotated[int, Field(ge=int(top_k.THRESHOLDS.low))]


def _name(value: str) -> str:
    """A name, not a path: the audit's folder is called after it."""
    # Windows drops dots and blanks at the end of a name, and forbids the signs listed here.
    if value.strip(". ") != value or any(sign in '/\\:*?"<>|' or not sign.isprintable() for sign in value):
        raise ValueError(
            f"{value!r} cannot be the name of a folder: write letters, digits, '-', '_' or blanks"
        )
    return value


def _of_its_kind(value: Any) -> ProbeBase:
    """A probe, read by the model of its kind alone, so that an error speaks of that kind and no other."""
    if isinstance(value, ProbeBase):
        return value
    kind = str(value.get("kind", DEFAULT_KIND)) if isinstance(value, dict) else DEFAULT_KIND
    check_known(kind, list(PROBE_KINDS), what="kind of probe", location=["kind"])
    return PROBE_KINDS[kind].model_validate(value)


AnyProbe = Annotated[
    SerializeAsAny[ProbeBase],
    # A plain union would report the errors of every kind of probe for one mistake.
    PlainValidator(_of_its_kind, json_schema_input_type=Union[MODELS]),  # noqa: UP007
]


NAMED_TEMPLATES: TypeAdapter[dict[str, Template]] = TypeAdapter(dict[str, WrittenTemplate])


def _templates(value: Any) -> dict[str, Template] | str:
    """Read by form, so that an error speaks of the form that was written."""
    return value if isinstance(value, str) else NAMED_TEMPLATES.validate_python(value)


class Suite(StrictModel):
    """A whole suite, checked against itself: every name it uses is defined in it or shipped."""

    suite: Annotated[str, AfterValidator(_name)] = Field(
        min_length=1, max_length=MOST_WORDS, description="The suite's name; of a folder below runs/ as well."
    )
    title: str = ""
    description: str = ""
    data: str = "emoji"
    seed: int = Field(default=0, ge=0, lt=2**63)
    templates: Annotated[
        dict[str, Template] | str,
        BeforeValidator(_templates, json_schema_input_type=dict[str, WrittenTemplate] | str),
    ] = Field(
        default={"plain": Template(texts=["{a} {label}"])},
        description="Named templates, or the name of a shipped file.",
    )
    label_sets: dict[str, LabelSet] = Field(default={}, description="Label sets of this suite's own.")
    published: str | None = Field(
        default=None,
        description="Published figures to show beside the results: a shipped file.",
    )
    thresholds: Annotated[list[Threshold], AfterValidator(unique)] = Field(
        default=[], description="Thresholds of the rule 'probability'."
    )
    top_k: Annotated[list[Places], AfterValidator(unique)] = Field(
        default=[],
        description="The k of the rule 'top_k': how many of the most similar classes are assigned.",
    )
    cosines: Annotated[list[Cosine], AfterValidator(unique)] = Field(
        default=[], description="Thresholds of the rule 'cosine'."
    )
    shares: Annotated[list[Share], AfterValidator(unique)] = Field(
        default=[],
        description="For the rule 'calibrated': the share of images that each class is assigned to, of those "
        "of another truth where there is one.",
    )
    rule_thresholds: Thresholds = Field(
        default={},
        description="By rule: its thresholds. For any rule that has thresholds, instead of a key of its own.",
    )
    curve: int = Field(default=101, ge=2, le=10_001, description="Points of the threshold curve on [0, 1].")
    probes: list[AnyProbe] = Field(min_length=1)
    gates: list[Gate] = Field(default=[])
    population: Population | None = Field(
        default=None, description="Whom the rates speak for; left out: the images as they are."
    )
    min_clusters: int = Field(
        default=10,
        ge=2,
        le=MOST_IMAGES,
        description="Clusters (persons, drawings) that each side of a comparison needs for a test, a finding "
        "or the decision of a gate, if clusters hold several images.",
    )
    confirmation: Confirmation | None = Field(
        default=None, description="Held-out images, on which findings are tested a second time, once."
    )

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
        check_written_once(self.rule_thresholds, self)
        check_suite(self)
        return self

    @cached_property
    def named_templates(self) -> dict[str, Template]:
        """The suite's templates, or those of the shipped file it names."""
        if isinstance(self.templates, dict):
            return self.templates
        return read_shipped("templates", self.templates, TemplateFile).templates

    @cached_property
    def template_texts(self) -> dict[str, list[str]]:
        """Template texts by name; of a template that is asked text by text, all under its name too."""
        texts = {name: list(item.filled.values()) for name, item in self.named_templates.items()}
        for name, item in self.named_templates.items():
            texts |= item.named(name)
        return texts

    def templates_of(self, probe: Probe) -> list[str]:
        """The names in `template_texts` that a probe is asked under."""
        return [text for name in probe.templates for text in self.named_templates[name].named(name)]

    def label_set(self, name: str) -> LabelSet:
        """A label set of the suite's own, or a shipped one."""
        return self.label_sets[name] if name in self.label_sets else load_label_set(name)

    @property
    def label_set_names(self) -> list[str]:
        """Names of the suite's own label sets and of the shipped ones."""
        return [*self.label_sets, *shipped("label_sets")]

    def designs(self, probe: Probe) -> dict[str, LabelSet]:
        """The label set of a probe under each of its class designs."""
        base = self.label_set(probe.label_set)
        return {name: base.edited(edit) for name, edit in self.edits(probe).items()}

    def edits(self, probe: Probe) -> dict[str, DesignEdit]:
        """The class designs of a probe, written and automatic, by name."""
        labels = self.label_set(probe.label_set)
        found = dict(probe.designs)
        for position, auto in enumerate(probe.auto):
            try:
                edits = auto.edits(labels, truth=probe.truth)
            except ValidationError as error:
                raise moved(error, ["auto", position]) from error
            if again := sorted(set(edits) & set(found)):
                place: list[int | str] = ["auto", position]
                raise misplaced(place, f"the design {again[0]!r} is there twice", remedy="leave one out")
            found |= edits
        return found

    def thresholds_of(self, rule: str) -> list[float]:
        """The thresholds of a rule, however they are written; none for a rule that has none."""
        if rule in self.rule_thresholds:
            return list(self.rule_thresholds[rule])
        return list(getattr(self, own_key(rule))) if own_key(rule) else []

    @property
    def classification(self) -> list[Probe]:
        """The probes that classify."""
        return [probe for probe in self.probes if isinstance(probe, Probe)]

    @property
    def attributes(self) -> list[str]:
        """The group attributes of all probes, in the order the suite names them."""
        return list(dict.fromkeys(name for probe in self.probes for name in probe.attributes))

    @property
    def sha256(self) -> str:
        """Over what the suite means: the comments and the order of keys do not count."""
        # Of the validated values, so that a default that is written out is the same suite.
        meaning = json.dumps(normalised(self.model_dump(by_alias=True)), sort_keys=True)
        return hashlib.sha256(meaning.encode()).hexdigest()

    @property
    def text(self) -> str:
        """The suite with every default written out, as YAML; of a path of data, the last name only."""
        values = self.model_dump(by_alias=True)
        kind, colon, path = self.data.partition(":")
        # Whole paths name users and folders, and the text goes into reports that are published.
        values["data"] = f"{kind}{colon}{PurePath(path).name}"
        # The key came later: a suite that does not use it keeps the text that it had.
        if not self.rule_thresholds:
            del values["rule_thresholds"]
        return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)


def load_suite(name_or_path: str | Path) -> Suite:
    """A shipped suite by name, or one of your own by path.

    Parameters
    ----------
    name_or_path
        As `clip-audit probe list` names it, or a YAML file.

    Raises
    ------
    UserError
        No such suite, or something in it is wrong: the message names file, line, key and the closest
        right word.

    Examples
    --------
    >>> suite = load_suite("quickstart")
    >>> suite.data, [probe.name for probe in suite.classification][:2]
    ('emoji', ['occupation', 'gender'])
    """
    if str(name_or_path) in shipped("suites"):
        return read_shipped("suites", str(name_or_path), Suite)
    return read_yaml_model(Path(name_or_path), Suite, what="suite", shipped=shipped("suites"))


def suite_json_schema() -> dict[str, Any]:
    """The JSON schema of a suite file, for editors."""
    return Suite.model_json_schema(by_alias=True)
