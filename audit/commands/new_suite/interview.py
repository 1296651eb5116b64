"""`clip-audit probe new`: a few questions, and a commented suite that can run."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit.commands.console import terminal
from audit.commands.new_suite.classification_text import Answers, suite_text
from audit.commands.new_suite.measure_text import KindAnswers, kind_suite_text
from clipmodel.atomic_files import replace_file
from clipmodel.errors import UserError

if TYPE_CHECKING:
    from probes.datasets import DemographicDataset

NONE, CLASSIFICATION = "none", "classification"
PEOPLE = ("skin_tone", "race", "gender", "age")  # compared by default where the data have them
TRUTHS = ("y_true", "truth", "label", "target", "ground_truth", "class")  # columns that hold the right answer
ANSWERS = ("gender", "occupation", "age")  # what is asked by default where no column reads like a truth
HARMFUL = ("criminal", "thief", "suspicious person", "animal")
MOST_GROUPS = 24
EPILOG = (
    "Examples:  clip-audit probe new my-suite.yaml  ·  "
    'clip-audit probe new my-suite.yaml --truth gender --classes "woman, man" --groups skin_tone --defaults'
    "  ·  "
    "clip-audit probe new ranking.yaml --kind ranking --defaults"
)

Ask = Callable[[str | None, str, str], str]  # what was given, prompt, default -> answer


def new(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The YAML file to write.")],
    *,
    title: Annotated[str | None, typer.Option(help="What the suite is called in the report.")] = None,
    data: Annotated[str | None, typer.Option(metavar="KIND:PATH", help="The data set.")] = None,
    kind: Annotated[
        str | None, typer.Option(help="What is measured; without it, the kinds of probes are listed.")
    ] = None,
    truth: Annotated[str | None, typer.Option(help="The attribute with the right answer, or 'none'.")] = None,
    question: Annotated[str | None, typer.Option(help="What is asked, in one sentence.")] = None,
    classes: Annotated[
        str | None,
        typer.Option(
            help="Words with commas between, WORD=VALUE to say what one stands for; an attribute of the "
            "data, for its values; or a shipped list."
        ),
    ] = None,
    harmful: Annotated[str | None, typer.Option(help="Harmful words to offer besides, with commas.")] = None,
    groups: Annotated[
        str | None, typer.Option(help='Attributes to compare by, such as "age, gender, age x gender".')
    ] = None,
    attribute: Annotated[
        str | None, typer.Option(help="The attribute that differs, for kinds that compare its values.")
    ] = None,
    defaults: Annotated[bool, typer.Option("--defaults", help="Ask nothing: take the defaults.")] = False,
) -> None:
    """Ask a few questions and write a commented suite; one that cannot run yet says what to edit."""
    if path.exists():
        raise UserError(f"{path}: already there", remedy="name a new file")

    from probes.datasets import load_dataset

    ask = _asker(defaults=defaults)
    title = ask(title, "Title of the suite", path.stem.replace("-", " ").replace("_", " "))
    data = ask(data, "Data set (see clip-audit data list)", "emoji")
    dataset = load_dataset(data)
    kind = _kind(ask(kind, f"Kind of probe: {', '.join(_kinds())}", CLASSIFICATION))
    given = Given(truth=truth, question=question, classes=classes, harmful=harmful, groups=groups,
                  attribute=attribute)  # fmt: skip
    begun = {"name": path.stem, "title": title, "data": data}
    if kind == CLASSIFICATION:
        text = suite_text(_answers(ask, given, dataset, **begun))
    else:
        text = kind_suite_text(_kind_answers(ask, given, dataset, kind=kind, **begun))
    _write(path, text)
    _check(path, dataset)
    terminal.out().print(f"Wrote {path}\nNext:  clip-audit probe check {path}", soft_wrap=True, markup=False)


@dataclass(frozen=True, kw_only=True)
class Given:
    """The options that were given."""

    truth: str | None
    question: str | None
    classes: str | None
    harmful: str | None
    groups: str | None
    attribute: str | None


def _asker(*, defaults: bool) -> Ask:
    """Asks for what is not given, or takes its default where nothing is to be asked."""

    def ask(given: str | None, prompt: str, default: str) -> str:
        if given is not None or defaults:
            return default if given is None else given
        return _prompt(prompt, default)

    return ask


def _answers(
    ask: Ask, given: Given, dataset: DemographicDataset, *, name: str, title: str, data: str
) -> Answers:
    """Ask what a probe that classifies needs."""
    known = ", ".join(dataset.attributes)
    harm_only = given.harmful is not None and given.truth is None
    likely = NONE if harm_only else _default_truth(dataset)
    truth = _truth(ask(given.truth, f"Attribute with the right answer, or none: {known}", likely), dataset)
    question = ask(given.question, "What is asked, in one sentence", _default_question(truth))
    label_set, classes = _classes(ask, given.classes, dataset.levels(truth) if truth else [], dataset=dataset)
    return Answers(
        name=name, title=title, question=question, data=data, label_set=label_set, classes=classes,
        harmful=[] if label_set else _harmful(ask, given, truth),
        truth=truth, truth_values=dataset.levels(truth) if truth else [],
        truth_is_complete=truth is None or bool(dataset.frame[truth].notna().all()),
        groups=_groups(ask(given.groups, "Attributes to compare by", _default_groups(dataset, truth))),
    )  # fmt: skip


def _kind_answers(
    ask: Ask, given: Given, dataset: DemographicDataset, *, name: str, title: str, data: str, kind: str
) -> KindAnswers:
    """Ask what a non-classification probe needs."""
    from probes.measures.registry import KINDS

    measure = KINDS[kind]
    known = ", ".join(dataset.attributes)
    first = next((name for name in PEOPLE if name in dataset.attributes), dataset.attributes[0])
    question = ask(given.question, "What is asked, in one sentence", measure.question)
    truth = None
    if measure.needs_truth:
        truth = _known(ask(given.truth, f"Attribute with the right answer: {known}", first), dataset)
    values = dataset.levels(truth or first)
    shipped, words = _words_of_kind(ask, given.classes, kind=kind, values=values)
    harmful = measure.needs == "classes" and not shipped and not truth
    changes = first
    if measure.changes:
        changes = _known(ask(given.attribute, f"{measure.changes}: {known}", first), dataset)
    groups = NONE
    if not measure.changes:
        groups = ask(given.groups, "Attributes to compare by", _default_groups(dataset, truth))
    others = [name for name in dataset.attributes if name != changes]
    return KindAnswers(
        name=name, title=title, question=question, data=data, kind=kind, words=words, shipped=shipped,
        harmful=_words(ask(given.harmful, "Harmful words to offer besides", NONE)) if harmful else [],
        truth=truth or "", truth_values=values, attribute=changes,
        same=[] if dataset.card.cluster else others, pair=dataset.levels(changes)[:2],
        where=_json_where(truth, words if measure.needs == "classes" and not shipped else [], dataset),
        groups=_groups(groups),
    )  # fmt: skip


def _words_of_kind(
    ask: Ask, given: str | None, *, kind: str, values: list[str]
) -> tuple[str | None, list[str]]:
    """A shipped word list or label set, or words."""
    from probes.measures.registry import KINDS
    from probes.suite.shipped.word_lists import shipped_words

    if KINDS[kind].needs == "classes":
        return _classes(ask, given, values, default="occupations" if kind == "association_bias" else "")
    if kind == "pronouns":
        return None, _words(ask(given, f"Pronouns of {' and '.join(values[:2])}", "his, her"))
    if kind == "markedness":
        return None, _words(ask(given, "Words that name groups, with commas", ", ".join(values)))
    lists = shipped_words()
    answer = ask(given, f"Words, separated by commas, or a word list: {', '.join(lists)}", "queries")
    return (answer, []) if answer in lists else (None, _words(answer))


def _json_where(truth: str | None, classes: list[str], dataset: DemographicDataset) -> str:
    """Only images whose truth some class stands for."""
    kept = [value for value in dataset.levels(truth) if value in classes] if truth else []
    return json.dumps({truth: kept}, ensure_ascii=False) if kept else "{}"


def _kinds() -> tuple[str, ...]:
    from probes.measures.registry import KINDS

    return (CLASSIFICATION, *KINDS)


def _kind(answer: str) -> str:
    from clipmodel.yaml_models import closest

    kinds = _kinds()
    if answer not in kinds:
        raise UserError(f"unknown kind of probe {answer!r}", remedy=closest(answer, kinds))
    return answer


def _known(answer: str, dataset: DemographicDataset) -> str:
    found = _truth(answer, dataset)
    if found is None:
        raise UserError("this kind of probe needs an attribute", remedy=f"one of: {dataset.attributes}")
    return found


def _prompt(prompt: str, default: str) -> str:
    try:
        answer: str = typer.prompt(prompt, default=default, err=True)
    except typer.Abort as error:
        # Ctrl-C at a terminal; without one there is nobody to answer.
        if sys.stdin.isatty():
            raise KeyboardInterrupt from error
        remedy = "give the option, or --defaults to be asked nothing"
        raise UserError(f"no answer to {prompt!r}", remedy=remedy) from error
    return answer


def _words(text: str) -> list[str]:
    words = list(dict.fromkeys(word for part in text.split(",") if (word := " ".join(part.split()))))
    return [] if words == [NONE] else words


def _groups(text: str) -> list[list[str]]:
    return [[name.strip() for name in group.split(" x ")] for group in _words(text)]


def _truth(answer: str, dataset: DemographicDataset) -> str | None:
    from clipmodel.yaml_models import closest

    if answer not in (NONE, *dataset.attributes):
        raise UserError(f"the data have no attribute {answer!r}", remedy=closest(answer, dataset.attributes))
    return None if answer == NONE else answer


def _default_question(truth: str | None) -> str:
    what = f"Which {truth.replace('_', ' ')}" if truth else "Which of the classes"
    return f"{what} does the image show?"


def _harmful(ask: Ask, given: Given, truth: str | None) -> list[str]:
    """The harmful words; without a truth there is nothing else to count, so that some are proposed."""
    default = NONE if truth else ", ".join(HARMFUL)
    return _words(ask(given.harmful, "Harmful words to offer besides, or none", default))


def _default_truth(dataset: DemographicDataset) -> str:
    """An attribute that reads like the truth, or else one that an image can show, with few values."""
    few = _grouping(dataset)
    named = [name for name in TRUTHS if name in dataset.attributes]
    return next(iter([*named, *(name for name in ANSWERS if name in few), *few]), NONE)


def _grouping(dataset: DemographicDataset) -> list[str]:
    """The attributes that divide the images into a few groups: no identifiers, no single value."""
    return [name for name in dataset.attributes if 2 <= len(dataset.levels(name)) <= MOST_GROUPS]


def _default_groups(dataset: DemographicDataset, truth: str | None) -> str:
    others = [name for name in _grouping(dataset) if name != truth]
    chosen = [name for name in PEOPLE if name in others] or others[:1] or dataset.attributes[:1]
    both = [f"{chosen[0]} x {chosen[1]}"] if len(chosen) > 1 else []
    return ", ".join([*chosen, *both])


def _classes(
    ask: Ask,
    given: str | None,
    values: list[str],
    *,
    default: str = "",
    dataset: DemographicDataset | None = None,
) -> tuple[str | None, list[str]]:
    """A shipped label set, the values of an attribute by its name, or words."""
    from probes.suite.shipped.library import shipped

    sets = shipped("label_sets")
    if given is not None and dataset is not None and given.strip() in dataset.attributes:
        return None, dataset.levels(given.strip())
    default = default or ", ".join(values) or sets[0]
    answer = ask(given, f"Classes, separated by commas, or a label set: {', '.join(sets)}", default)
    return (answer, []) if answer in sets else (None, _words(answer))


def _write(path: Path, text: str) -> None:
    try:
        replace_file(path, lambda file: file.write(text.encode()))
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written ({error.strerror})", remedy="name another file"
        ) from error


def _check(path: Path, dataset: DemographicDataset) -> None:
    """Say what is wrong with a suite that was written: the answers are kept."""
    from probes.planning.audit_plan import plan
    from probes.suite.suite import load_suite

    try:
        plan(load_suite(path), dataset)
    except UserError as error:
        remedy = _remedy_of_answers(error, dataset) or "correct it there"
        again = f"then: clip-audit probe check {path}"
        raise UserError(
            f"{error.message}\n{path} was written with your answers, but cannot run yet",
            remedy=f"edit {path}: {remedy}; {again}",
        ) from error


def _remedy_of_answers(error: UserError, dataset: DemographicDataset) -> str | None:
    """What to answer instead, where the classes do not say which values they stand for."""
    if "says which" not in error.message and "no class for" not in error.message:
        return error.remedy
    name = next((name for name in dataset.attributes if f" {name} " in error.message), "gender")
    values = dataset.levels(name)[:2] if name in dataset.attributes else []
    values = values or ["Female", "Male"]
    written = json.dumps({"name": values[0].lower(), "is": {name: values[0]}}, ensure_ascii=False)
    answers = ", ".join(f"{value.lower()}={value}" for value in values)
    return (
        f"say which value each class stands for, such as {written} in the place of a word; "
        f'or delete the file and answer --classes "{answers}"'
    )
