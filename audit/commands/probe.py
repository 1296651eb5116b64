"""`clip-audit probe`: write, check and read probe suites."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from audit.commands.console import terminal
from audit.commands.console.suite_data import data_of, notes_on_groups
from audit.commands.new_suite import interview
from clipmodel.plurals import number_of

if TYPE_CHECKING:
    from probes.planning.audit_plan import MeasurePlan, Plan, ProbePlan
    from probes.suite.classification_probe import Probe
    from probes.suite.label_sets import LabelClass
    from probes.suite.probe_base import ProbeBase
    from probes.suite.suite import Suite

app = typer.Typer(no_args_is_help=True, help="Write, check and read probe suites.")
app.command(epilog=interview.EPILOG)(interview.new)

MOST_SMALL = 12  # groups without a rate that are named, of a probe
SuiteArgument = Annotated[
    str, typer.Argument(metavar="SUITE", help="A shipped suite by name, or a YAML file.")
]


@app.command("list", epilog="Example:  clip-audit probe list")
def list_() -> None:
    """List the shipped suites: what each asks, and of which data."""
    from probes.suite.shipped.library import shipped
    from probes.suite.suite import load_suite

    suites = [load_suite(name) for name in shipped("suites")]
    rows = [(one.suite, one.title, one.data, str(len(one.probes))) for one in suites]
    columns = ("suite", "what it asks", "data", "probes")
    console = terminal.out()
    terminal.print_table(console, "Shipped suites", columns, rows, words=columns[:3])
    console.print(
        "\nWhat one asks: clip-audit probe show SUITE. Your own: clip-audit probe new FILE", soft_wrap=True
    )


@app.command(epilog="Examples:  clip-audit probe check quickstart  ·  clip-audit probe check my-suite.yaml")
def check(
    suite: SuiteArgument,
    *,
    data: Annotated[
        str | None, typer.Option(metavar="KIND:PATH", help="The data set.", show_default="the suite's")
    ] = None,
) -> None:
    """Check a suite against its data, without a model, and list what would run.

    Checked: keys and values; that every label set, template, set, class and probe it names exists; that
    designs, written and automatic, fit their label sets; that thresholds lie in their ranges; that the data
    have the attributes and values it names, images for every probe, group attribute and reference, and a
    class for every truth. Noted: groups too small for a rate, classes whose truth no image has, and group
    attributes that read like identifiers or like something a model says.
    """
    from probes.planning.audit_plan import plan
    from probes.planning.cost import estimate
    from probes.suite.suite import load_suite

    questions = load_suite(suite)
    dataset = data_of(suite, questions, data)
    planned = plan(questions, dataset)
    console = terminal.out()
    _print_plan(planned, console)
    for note in notes_on_groups(questions, dataset):
        console.print(escape(note), soft_wrap=True, style="yellow")
    for probe in planned.everything:
        _print_small_groups(probe, console)
    for one in planned.probes:
        if unmatched := one.classes_without_truth:
            classes = ", ".join(unmatched)
            note = f"{one.probe.name}: no image has the truth of {classes}; predicted, they are always wrong"
            console.print(escape(note), soft_wrap=True)
    console.print(f"\nThe suite can run: {estimate(planned).sentence}.", soft_wrap=True)


def _print_small_groups(planned: ProbePlan | MeasurePlan, console: Console) -> None:
    """The first groups without a rate, and how many more: an identifier has as many as there are images."""
    small = list(small_groups(planned))
    name, least = planned.probe.name, planned.probe.min_group
    for group, n in small[:MOST_SMALL]:
        note = f"{name}: no rate for {group}, {number_of(n, 'image')} where min_group is {least}"
        console.print(escape(note), soft_wrap=True)
    if (n_more := len(small) - MOST_SMALL) > 0:
        console.print(
            escape(f"{name}: no rate for {number_of(n_more, 'other group')} either"), soft_wrap=True
        )


def _print_plan(planned: Plan, console: Console) -> None:
    # In 80 columns no word is broken: without the cells, and with a shorter name for images without a truth.
    table = planned.table().drop(columns="cells").rename(columns={"without_truth": "no_truth"})
    title = f"{planned.suite.suite} on {planned.dataset.card.name}"
    rows = [(probe, *(f"{value:,}" for value in values)) for probe, *values in table.itertuples(index=False)]
    terminal.print_table(
        console, title, [str(name).replace("_", " ") for name in table], rows, words={"probe"}
    )


def small_groups(planned: ProbePlan | MeasurePlan) -> Iterator[tuple[str, int]]:
    """The groups of a probe that are too small for a rate, and how many images they have."""
    import numpy as np

    from probes.records import MISSING, attribute_column

    cells = planned.selection.cells
    cells = cells.assign(n=np.bincount(planned.selection.cell, minlength=len(cells)))
    for spec in planned.probe.groups:
        columns = [attribute_column(name) for name in spec]
        known = cells[(cells[columns] != MISSING).all(axis=1)]
        sizes = known.groupby(columns, sort=False)["n"].sum()
        for group, n in sizes[sizes < planned.probe.min_group].items():
            yield f"{' x '.join(spec)} {' x '.join(group) if isinstance(group, tuple) else group}", int(n)


@app.command(epilog="Example:  clip-audit probe show quickstart")
def show(suite: SuiteArgument) -> None:
    """Print what a suite asks: every class, prompt, design and group."""
    from probes.suite.suite import load_suite

    questions = load_suite(suite)
    console = terminal.out()
    console.print(f"[bold]{escape(questions.title or questions.suite)}[/]", soft_wrap=True)
    console.print(escape(questions.description.strip()), soft_wrap=True)
    console.print(
        escape(f"data {questions.data}, thresholds {questions.thresholds or 'none'}"), soft_wrap=True
    )
    for probe in questions.probes:
        console.print()
        console.print(
            f"[bold]{escape(probe.title or probe.name)}[/]  {escape(probe.question)}", soft_wrap=True
        )
        for name, value in _described(questions, probe):
            console.print(escape(f"  {name:<11} {value}"), soft_wrap=True)


def _described(suite: Suite, probe: ProbeBase) -> Iterator[tuple[str, str]]:
    from probes.planning.image_selection import where_text
    from probes.suite.classification_probe import Probe
    from probes.suite.probe_base import ProbeBase

    yield "images", where_text(probe)
    if isinstance(probe, Probe):
        yield from _described_classes(suite, probe)
    else:
        yield "kind", probe.kind
        settings = probe.model_dump(by_alias=True, exclude=set(ProbeBase.model_fields))
        yield from ((name, str(value)) for name, value in settings.items())
    yield "groups", ", ".join(" x ".join(spec) for spec in probe.groups)


def _described_classes(suite: Suite, probe: Probe) -> Iterator[tuple[str, str]]:
    from probes.rules.rule_registry import RULES
    from probes.suite.templates import render

    labels = suite.label_set(probe.label_set)
    yield "truth", probe.truth or "none"
    yield "label set", f"{labels.name}: {labels.title or 'untitled'}"
    for name, classes in labels.sets.items():
        yield f"  {name}", ", ".join(_shown(item, probe.truth) for item in classes)
    for name in suite.templates_of(probe):
        examples = [render(text, labels.classes[0]) for text in suite.template_texts[name]]
        yield "template", f"{name}: {_some(examples)}"
    for name, edit in suite.edits(probe).items():
        yield "design", f"{name}: {edit.description}"
    for name in probe.rules:
        yield "rule", f"{name}: {RULES[name].meaning}"
    for name, outcome in probe.outcomes.items():
        yield "outcome", name + (f": {', '.join(outcome.sets)}" if outcome.sets else "")


def _shown(item: LabelClass, truth: str | None) -> str:
    """The name of a class, and what it stands for where that is not one value."""
    values = item.stands_for(truth) if truth else ()
    return f"{item.name} ({' or '.join(values)})" if len(values) > 1 else item.name


def _some(texts: Sequence[str], most: int = 3) -> str:
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(f'"{text}"' for text in texts[:most]) + more


@app.command(epilog="Example:  clip-audit probe rules")
def rules() -> None:
    """List the assignment rules: which classes each gives an image, and what its thresholds can be."""
    from probes.rules.rule_registry import RULES

    rows = [
        (rule.name, rule.meaning, "" if rule.thresholds is None else rule.thresholds.range_words)
        for rule in RULES.values()
    ]
    columns = ("rule", "the classes of an image", "thresholds")
    console = terminal.out()
    terminal.print_table(console, "Assignment rules", columns, rows, words=columns)
    used = next(rule for rule in RULES.values() if rule.thresholds is not None)
    console.print(f"\nIn a suite, for example:\n\n{used.example}", soft_wrap=True, markup=False)


@app.command(epilog="Example:  clip-audit probe schema > suite.schema.json")
def schema() -> None:
    """Print the JSON Schema of suites, for editors."""
    from probes.suite.suite import suite_json_schema

    typer.echo(json.dumps(suite_json_schema(), indent=2))
