"""`clip-audit mitigate`: methods fitted on half of the data, the suite asked before and after on the rest."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit.commands.console import terminal
from audit.commands.console.model_options import MODEL_HELP, CacheOption, DeviceOption
from audit.commands.console.output_folder import check_output_folder
from audit.commands.console.suite_data import data_of
from clipmodel.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from audit.commands.composed.mitigation_study import MitigationStudy
    from probes.datasets import DemographicDataset
    from probes.mitigation.apply import Embedded
    from probes.suite.suite import Suite

STORED = "embeddings:"
"""What a model's value begins with that is a file of embeddings."""
EPILOG = (
    "Examples:  clip-audit mitigate quickstart --attribute gender --method leace --out runs/mitigated  ·  "
    "clip-audit mitigate my-suite.yaml --data embeddings:FILE --method all --out runs/mitigated"
)

MethodOption = Annotated[
    list[str] | None, typer.Option("--method", help="A method, or all; may be repeated.", show_default="all")
]  # fmt: skip
DataOption = Annotated[
    str | None, typer.Option(metavar="KIND:PATH", help="The data set.", show_default="the suite's")
]  # fmt: skip
AttributeOption = Annotated[
    str | None,
    typer.Option(help="The attribute whose gaps are to be lowered.", show_default="the suite's first"),
]  # fmt: skip
WordsOption = Annotated[
    str | None,
    typer.Option(metavar="GROUP=WORD|WORD,...", help="Words for the groups, for methods that use texts."),
]  # fmt: skip
AlsoOption = Annotated[
    list[str] | None,
    typer.Option(
        "--also", metavar="KIND:PATH", help="Other data that each fitted method is measured on as well.",
        show_default=False,
    ),
]  # fmt: skip
CaptionsOption = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN", help="A column of captions, whose recall at 1 is measured as well.",
        show_default=False,
    ),
]  # fmt: skip
SeedsOption = Annotated[
    int,
    typer.Option(
        min=1, help="Fit each method with so many seeds: in how many of them does a gap become smaller?"
    ),
]  # fmt: skip
RetrainedOption = Annotated[
    list[str] | None,
    typer.Option(
        "--retrained", metavar="NAME=MODEL", show_default=False,
        help="A model that was trained otherwise, measured beside the methods; may be repeated, one NAME for "
        "several training runs. With embeddings: NAME=embeddings:FILE.",
    ),
]  # fmt: skip
FurtherRunOption = Annotated[
    list[str] | None,
    typer.Option(
        "--further-run", metavar="MODEL", show_default=False,
        help="Another training run of --model, which differs in its seed alone; may be repeated. Retrained "
        "models are judged against all of them, and not at all against one.",
    ),
]  # fmt: skip


def mitigate(
    suite: Annotated[str, typer.Argument(help="A shipped suite by name, or a YAML file.")],
    *,
    method: MethodOption = None,
    model: Annotated[str | None, typer.Option(help=MODEL_HELP, show_default="tiny")] = None,
    data: DataOption = None,
    also: AlsoOption = None,
    attribute: AttributeOption = None,
    words: WordsOption = None,
    captions: CaptionsOption = None,
    seeds: SeedsOption = 1,
    retrained: RetrainedOption = None,
    further_run: FurtherRunOption = None,
    out: Annotated[Path | None, typer.Option(help="Folder.", show_default="runs/SUITE-mitigated")] = None,
    cache: CacheOption = None,
    device: DeviceOption = "cpu",
) -> None:
    """Fit mitigations on half of the data, ask the suite before and after on the other half.

    The controls "none" and "random" always run. A fitted method is kept as OUT/METHOD.safetensors, which
    `clip-audit run --with` audits like a model.
    """
    from audit.commands.composed.mitigation_study import FILES, MitigationStudy
    from probes.mitigation.method_registry import chosen
    from probes.suite.suite import load_suite

    named = _retrained(retrained or [])
    names, questions = chosen(method or [], retrained=list(named)), load_suite(suite)
    folder = out or Path("runs") / f"{questions.suite}-mitigated"
    if not (folder / FILES[0]).is_file():  # one of an earlier mitigation is replaced
        check_output_folder(folder)
    dataset = data_of(suite, questions, data)
    embed = partial(_embedded, questions, cache=cache, device=device)
    embedded = embed(dataset, model=model, captions=captions)
    target = attribute or embedded.suite.attributes[0]
    if target not in embedded.dataset.attributes:
        raise UserError(
            f"the data have no attribute {target!r}", remedy=f"use {', '.join(embedded.dataset.attributes)}"
        )
    others = {name: embed(data_of(suite, questions, name), model=model) for name in also or []}
    for name, other in others.items():
        _check_size(embedded, other, name)

    def run_of(value: str) -> Embedded:
        if value.startswith(STORED):
            return embed(data_of(suite, questions, value), model=None)
        return embed(dataset, model=value)

    study = MitigationStudy(
        embedded=embedded, attribute=target, words=_words(words), others=others, seeds=seeds,
        further_runs=[run_of(value) for value in further_run or []],
        retrained={name: [run_of(value) for value in own] for name, own in named.items()},
    )  # fmt: skip
    _add(study, names)
    _print(study.write(folder))
    if embedded.left_out:
        terminal.out().print(f"Left out, since they need the images: {', '.join(embedded.left_out)}")
    terminal.out().print(f"\nReport: {folder / 'report.html'}", soft_wrap=True, markup=False)


def _add(study: MitigationStudy, names: Sequence[str]) -> None:
    """Measure methods, then the retrained models."""
    steps = [
        *((name, study.add) for name in names),
        *((name, study.add_retrained) for name in study.retrained),
    ]
    with terminal.progress_bars() as progress:
        for number, (name, add) in enumerate(steps):
            progress(f"method {name}", number, len(steps))
            add(name)
        progress("methods", len(steps), len(steps))


def _retrained(given: list[str]) -> dict[str, list[str]]:
    """ "cap=runs/a", "cap=runs/b" -> the models of each name."""
    found: dict[str, list[str]] = {}
    for part in given:
        name, _, model = part.partition("=")
        if not (name.strip() and model.strip()):
            raise UserError(f"--retrained: {part!r} names no model", remedy="write NAME=MODEL")
        found.setdefault(name.strip(), []).append(model.strip())
    return found


def _words(given: str | None) -> dict[str, tuple[str, ...]]:
    """ "Male=man|male,Female=woman" -> the words of each group."""
    found: dict[str, tuple[str, ...]] = {}
    for part in (given or "").split(","):
        group, _, own = part.partition("=")
        if part and not own.strip():
            raise UserError(f"--words: {part!r} gives no words", remedy="write GROUP=WORD|WORD,GROUP=WORD")
        if part:
            found[group.strip()] = tuple(word.strip() for word in own.split("|"))
    return found


def _embedded(
    suite: Suite,
    dataset: DemographicDataset,
    *,
    model: str | None,
    cache: Path | None,
    device: str,
    captions: str | None = None,
) -> Embedded:
    from clipmodel.loading.device import usable_device
    from probes.embeddings.models import model_for
    from probes.embeddings.store import EmbeddingStore
    from probes.mitigation.apply import embed_suite

    loaded = model_for(dataset, model, device=usable_device(device), told={})
    with terminal.progress_bars() as progress:
        return embed_suite(
            suite, loaded, dataset, store=EmbeddingStore(cache), progress=progress, captions=captions
        )


def _check_size(embedded: Embedded, other: Embedded, name: str) -> None:
    sizes = [one.dataset.embeddings.shape[1] for one in (embedded, other)]
    if sizes[0] != sizes[1]:
        raise UserError(
            f"--also {name}: embeddings of {sizes[1]} dimensions, those that are fitted have {sizes[0]}",
            remedy="give data of the same model",
        )


def _print(tables: dict[str, pd.DataFrame]) -> None:
    from rich.table import Table

    from audit import formatting as fmt
    from audit.comparison.run_changes import NOT_JUDGED

    gaps, cost = tables["mitigation"], tables["cost"]
    shown = Table(
        "method", "widest gap", "narrower", "wider", "leakage", "accuracy", box=None, pad_edge=False
    )
    for row in cost[cost["n"] > 0].to_dict("records"):
        own = gaps[gaps["method"] == row["method"]]
        if len(own):
            shown.add_row(
                row["method"], f"{100 * row['widest_gap_after']:.1f}",
                str(int((own["effect"] == "narrower").sum())), str(int((own["effect"] == "wider").sum())),
                fmt.percent(row["leakage_after"]), fmt.points(row["utility_change"]),
            )  # fmt: skip
    terminal.out().print(shown)
    if "ranking" in tables:
        _print_rankings(tables["ranking"])
    for reason, own in cost[cost["n"] == 0].groupby("note", sort=False):
        line = f"Not applied: {', '.join(own['method'])}: {reason}"
        terminal.out().print(line, soft_wrap=True, markup=False)
    for row in cost[cost["method"].isin(gaps.loc[gaps["effect"] == NOT_JUDGED, "method"])].to_dict("records"):
        terminal.out().print(f"{row['method']}: {row['note']}.", soft_wrap=True, markup=False)


def _print_rankings(ranking: pd.DataFrame) -> None:
    """The tested measures of each method, as means over queries, and recall."""
    from rich.table import Table

    from audit.mitigation.ranking_changes import EVERY_QUERY, RECALL

    shown = Table("method", "ranking", "before", "after", "95 %", "effect", box=None, pad_edge=False)
    recall = (ranking["measure"] == RECALL) & (ranking["query"] == EVERY_QUERY) & ranking["change"].notna()
    for row in ranking[ranking["p"].notna() | recall].to_dict("records"):
        at = "" if row["k"] != row["k"] else f"@{row['k']:.0f}"
        by = f" by {row['by']}" if row["by"] else ""
        shown.add_row(
            row["method"], f"{row['measure']}{at}{by}, {row['probe']}", f"{row['before']:.2f}",
            f"{row['after']:.2f}", f"{row['low']:+.2f} to {row['high']:+.2f}", row["effect"],
        )  # fmt: skip
    terminal.out().print()
    terminal.out().print(shown)
