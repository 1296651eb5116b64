"""`clip-audit probe new`: a few questions, and a commented suite that can run."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit.commands import terminal
from audit.commands.suite_text import Answers, suite_text
from clipmodel.errors import UserError

if TYPE_CHECKING:
    from probes.datasets import DemographicDataset

NONE = "none"
PEOPLE = ("skin_tone", "gender", "age")  # compared by default where the data have them
EPILOG = (
    "Examples:  clip-audit probe new my-suite.yaml  ·  "
    'clip-audit probe new my-suite.yaml --truth gender --classes "woman, man" --groups skin_tone --defaults'
)

Ask = Callable[[str | None, str, str], str]  # what was given, prompt, default -> answer


def new(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The YAML file to write.")],
    *,
    title: Annotated[str | None, typer.Option(help="What the suite is called in the report.")] = None,
    data: Annotated[str | None, typer.Option(metavar="KIND:PATH", help="The data set.")] = None,
    truth: Annotated[str | None, typer.Option(help="The attribute with the right answer, or 'none'.")] = None,
    question: Annotated[str | None, typer.Option(help="What is asked, in one sentence.")] = None,
    classes: Annotated[
        str | None, typer.Option(help="Words separated by commas, or the name of a shipped label set.")
    ] = None,
    harmful: Annotated[str | None, typer.Option(help="Harmful words to offer besides, with commas.")] = None,
    groups: Annotated[
        str | None, typer.Option(help='Attributes to compare by, such as "age, gender, age x gender".')
    ] = None,
    defaults: Annotated[bool, typer.Option("--defaults", help="Ask nothing: take the defaults.")] = False,
) -> None:
    """Ask a few questions and write a commented suite that `clip-audit probe check` accepts."""
    if path.exists():
        raise UserError(f"{path}: already there", remedy="name a new file")

    def ask(given: str | None, prompt: str, default: str) -> str:
        if given is not None or defaults:
            return default if given is None else given
        return _prompt(prompt, default)

    from probes.datasets import load_dataset

    title = ask(title, "Title of the suite", path.stem.replace("-", " ").replace("_", " "))
    data = ask(data, "Data set (see clip-audit data list)", "emoji")
    dataset = load_dataset(data)
    known = ", ".join(dataset.attributes)
    truth = _truth(ask(truth, f"Attribute with the right answer: {known}", NONE), dataset)
    question = ask(question, "What is asked, in one sentence", _default_question(truth))
    label_set, own_classes = _classes(ask, classes, dataset.levels(truth) if truth else [])
    answers = Answers(
        name=path.stem,
        title=title,
        question=question,
        data=data,
        label_set=label_set,
        classes=own_classes,
        harmful=[] if label_set else _words(ask(harmful, "Harmful words to offer besides", NONE)),
        truth=truth,
        truth_values=dataset.levels(truth) if truth else [],
        truth_is_complete=truth is None or bool(dataset.frame[truth].notna().all()),
        groups=_groups(ask(groups, "Attributes to compare by", _default_groups(dataset, truth))),
    )
    _write_checked(path, suite_text(answers), dataset)
    terminal.out().print(f"Wrote {path}\nNext:  clip-audit probe check {path}", soft_wrap=True, markup=False)


def _prompt(prompt: str, default: str) -> str:
    try:
        answer: str = typer.prompt(prompt, default=default, err=True)
    except typer.Abort as error:
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
    from clipmodel.yamlfile import closest

    if answer not in (NONE, *dataset.attributes):
        raise UserError(f"the data have no attribute {answer!r}", remedy=closest(answer, dataset.attributes))
    return None if answer == NONE else answer


def _default_question(truth: str | None) -> str:
    what = f"Which {truth.replace('_', ' ')}" if truth else "Which of the classes"
    return f"{what} does the picture show?"


def _default_groups(dataset: DemographicDataset, truth: str | None) -> str:
    others = [name for name in dataset.attributes if name != truth]
    chosen = [name for name in PEOPLE if name in others] or others[:1] or dataset.attributes[:1]
    both = [f"{chosen[0]} x {chosen[1]}"] if len(chosen) > 1 else []
    return ", ".join([*chosen, *both])


def _classes(ask: Ask, given: str | None, values: list[str]) -> tuple[str | None, list[str]]:
    """A shipped label set, or words."""
    from probes.schema import shipped

    sets = shipped("label_sets")
    default = ", ".join(values) or sets[0]
    answer = ask(given, f"Classes, separated by commas, or a label set: {', '.join(sets)}", default)
    return (answer, []) if answer in sets else (None, _words(answer))


def _write_checked(path: Path, text: str, dataset: DemographicDataset) -> None:
    """Write the suite if it can run on the data; leave nothing behind if it cannot."""
    from probes.planning import plan
    from probes.schema import load_suite

    try:
        with tempfile.TemporaryDirectory(dir=path.absolute().parent, prefix=".new-suite-") as scratch:
            draft = Path(scratch) / path.name
            draft.write_text(text, encoding="utf-8")
            plan(load_suite(draft), dataset)
            draft.replace(path)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written ({error.strerror})", remedy="name another file"
        ) from error
