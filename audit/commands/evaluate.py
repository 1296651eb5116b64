"""`clip-audit evaluate`: standard evaluation of models on published sets."""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from audit.commands.console import terminal
from audit.commands.console.model_options import CacheOption, DeviceOption
from audit.csv_cells import write_csv
from clipmodel.errors import UserError

if TYPE_CHECKING:
    from audit.commands.composed.adaptation_study import Adaptation
    from audit.evaluation.evaluation_result import EvaluationResult

EPILOG = (
    "Examples:  clip-audit evaluate tiny --on digits emoji  ·  "
    "clip-audit evaluate ViT-B-32.pt other/model --on imagenet1k --root /data/imagenet/val  ·  "
    "clip-audit evaluate tiny --on emoji --task linear_probe --few-shot"
)
RUN, ON = "run", "--on"
ModelArgument = Annotated[
    str, typer.Argument(help="A model, as for clip-audit run --model.", show_default=False)
]
RootOption = Annotated[
    Path | None, typer.Option("--root", help="Folder of the images of registry sets.", show_default=False)
]
TaskOption = Annotated[
    list[str] | None,
    typer.Option(
        "--task",
        metavar="TASK",
        help="zeroshot_classification, linear_probe, zeroshot_retrieval; repeat it for several.",
        show_default="the set's",
    ),
]
TrainOption = Annotated[
    str | None,
    typer.Option(
        "--train",
        metavar="SET",
        help="Where a linear probe is fitted.",
        show_default="the set's train split",
    ),
]


class EvaluateGroup(TyperGroup):
    """`evaluate MODEL...` is short for `evaluate run MODEL...`; --on takes several sets."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [RUN, *args]
        return super().parse_args(ctx, spread(args, ON))


def spread(args: list[str], option: str) -> list[str]:
    """Repeat an option before each of the values that follow it: --on a b becomes --on a --on b."""
    found: list[str] = []
    inside = False
    for arg in args:
        if arg == option:
            inside = True
        elif arg.startswith("-"):
            # Any other option ends the list of values.
            inside = False
            found.append(arg)
        else:
            found += [option, arg] if inside else [arg]
    return found


app = typer.Typer(
    cls=EvaluateGroup,
    no_args_is_help=True,
    help="Standard accuracy of models on published sets.",
    epilog=EPILOG,
)


@app.command(RUN, epilog=EPILOG)
def run(
    models: Annotated[
        list[str], typer.Argument(metavar="MODEL...", help="Models, as for clip-audit run --model.")
    ],
    *,
    on: Annotated[
        list[str],
        typer.Option(
            "--on", metavar="SET...", help="Sets by registry name, KIND:PATH, or a YAML.", show_default=False
        ),
    ],
    task: TaskOption = None,
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("runs/evaluate"),
    root: RootOption = None,
    split: Annotated[str, typer.Option(help="Which part of a set is asked.")] = "test",
    language: Annotated[str, typer.Option(help="Of captions in several languages.")] = "en",
    train: TrainOption = None,
    few_shot: Annotated[
        bool, typer.Option("--few-shot", help="1, 2, 4, 8, 16 images per class as well.")
    ] = False,
    all_templates: Annotated[
        bool, typer.Option("--all-templates", help="Ask each template of every image, not of a sample.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of bootstraps and draws.")] = 0,
    device: DeviceOption = "cpu",
    cache: CacheOption = None,
) -> None:
    """Evaluate models on sets: one JSON per model, set and task, a table, and a page."""
    from audit.commands.composed.evaluation_runs import Options, evaluate
    from audit.evaluation.evaluation_result import write_result
    from probes.embeddings.embed import cache_folder

    _check_out(out)
    options = Options(
        root=root, split=split, language=language, train=train, few_shot=few_shot, seed=seed,
        all_templates=all_templates,
    )  # fmt: skip
    tasks: list[str | None] = [*task] if task else [None]
    wanted = [(name, one) for name in on for one in tasks]
    failed: list[str] = []
    done: list[EvaluationResult] = []
    with terminal.progress_bars() as progress:
        for spec in models:
            loaded = _load(spec, device=device, cache=cache, progress=progress)
            for name, one in wanted:
                started = time.perf_counter()
                try:
                    result = evaluate(loaded, name, one, options, cache=cache or cache_folder())
                except UserError as error:
                    # Alone, the mistake ends the command; of several sets the others are still evaluated.
                    if len(models) * len(wanted) == 1:
                        raise
                    terminal.explain(error)
                    failed.append(f"{spec} on {name}")
                    continue
                result.details["seconds"] = round(time.perf_counter() - started, 1)  # type: ignore[index]
                write_result(result, out)
                done.append(result)
    _finish(out, done, failed)


def _load(spec: str, *, device: str, cache: Path | None, progress: Any) -> Any:
    from audit.commands.composed.evaluation_runs import ModelRun
    from clipmodel.loading import load_model
    from clipmodel.loading.device import usable_device
    from probes.embeddings.embed import EmbeddingStore

    return ModelRun(load_model(spec, device=usable_device(device)), spec, EmbeddingStore(cache), progress)


def _check_out(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{out}: {error.strerror}", remedy="choose another folder with --out") from error


def _finish(out: Path, done: list[EvaluationResult], failed: list[str]) -> None:
    """Tables and page over all results in the folder, earlier ones included; then what was done, in short."""
    from audit.evaluation.evaluation_folder import write_report
    from audit.formatting import percent, percent_interval
    from audit.metric_words import metric_words, task_words

    console = terminal.out()
    if done:
        write_report(out)
        rows = [
            [one.model_name, task_words(one.task), one.dataset, metric_words(name),
             percent(e.value), percent_interval(e.low, e.high), f"{e.n:,}"]
            for one in done
            for name, e in one.metrics.items()
            # Ranks are no percentages; the page has them.
            if "rank" not in name
        ]  # fmt: skip
        columns = ["Model", "Task", "Set", "Metric", "Value", "95 % interval", "n"]
        # What is the same in all rows stands in the title: a narrow terminal has no room for it in each.
        same = [rows[0][place] for place in (0, 1) if len({row[place] for row in rows}) == 1]
        kept = [place for place in range(len(columns)) if rows[0][place] not in same or place > 1]
        terminal.print_table(
            console, ", ".join(["Results", *same]), [columns[place] for place in kept],
            [[row[place] for place in kept] for row in rows], words=columns[:4],
        )  # fmt: skip
        console.print(f"\nReport: {out / 'report.html'}", soft_wrap=True, markup=False)
    if failed:
        raise UserError(f"not evaluated: {'; '.join(failed)}", remedy="see the messages above")


@app.command(epilog="Example:  clip-audit evaluate sets  ·  clip-audit evaluate sets dtd")
def sets(
    name: Annotated[str | None, typer.Argument(help="Show one set.", show_default=False)] = None,
) -> None:
    """List the sets of the registry, or show one."""
    from clipmodel.evaluation.readers.digits import ENTRY
    from clipmodel.evaluation.registry.catalogue import entry_names, load_entry, set_lists
    from probes.datasets.emoji_evaluation import NAMES, emoji_set

    console = terminal.out()
    if name is not None:
        entry = emoji_set(name).entry if name in NAMES else ENTRY if name == ENTRY.name else load_entry(name)
        for key, value in entry.model_dump(exclude_defaults=True).items():
            shown = (
                value
                if not isinstance(value, list | tuple) or len(value) <= 3
                else f"{len(value)}: {value[:3]} ..."
            )
            console.print(f"{key:<12}  {shown}", soft_wrap=True, markup=False)
        return
    lists = set_lists()
    rows = [[one, "", "acc1 or recall", "", "checked"] for one in (ENTRY.name, *NAMES)]
    for one in entry_names():
        entry = load_entry(one)
        member = ", ".join(key for key, value in lists.items() if any(m.set == one for m in value.members))
        terms = "checked" if entry.licence_checked else "unchecked"
        rows.append([one, f"{entry.images or '':}", entry.metric, member, terms])
    columns = ["Name", "Images", "Metric", "Lists", "Licence"]
    words = [column for column in columns if column != "Images"]
    terminal.print_table(console, "Evaluation sets", columns, rows, words=words)
    console.print(
        "Unchecked: the terms were written from memory. Read them at the source of the set "
        "(clip-audit evaluate sets NAME) before you use it.",
        soft_wrap=True,
    )


@app.command(
    epilog="Examples:  clip-audit evaluate compare runs/a runs/b  ·  "
    "clip-audit evaluate compare runs/evaluate --models 'tiny bundled' --models 'other runs/other/model'"
)
def compare(
    first: Annotated[Path, typer.Argument(help="Folder of results.", show_default=False)],
    second: Annotated[
        Path | None,
        typer.Argument(help="Folder of the other model's results.", show_default="the same folder"),
    ] = None,
    *,
    models: Annotated[
        list[str] | None, typer.Option(help="The two models, if a folder holds several.", show_default=False)
    ] = None,
    out: Annotated[Path | None, typer.Option(help="A CSV file for the table.", show_default=False)] = None,
) -> None:
    """Compare two models: a paired test for each set, adjusted over the sets."""
    from audit.evaluation.comparison import IMAGES, compare_models
    from audit.evaluation.evaluation_result import read_results
    from audit.formatting import p_value, percent, points, points_interval

    found = [read_results(folder, tables=[IMAGES]) for folder in (first, second or first)]
    chosen = _two_models(found, models or [])
    table = compare_models(*chosen)
    if out is not None:
        write_csv(table, out)
    rows = [
        [row["dataset"], row["task"], row["metric"], percent(row["first"]), percent(row["second"]),
         points(row["difference"]), points_interval(row["low"], row["high"]), p_value(row["p_adjusted"]),
         f"{row['n']:,}"]
        for row in table.to_dict("records")
    ]  # fmt: skip
    names = [results[0].model_name for results in chosen]
    columns = ["Set", "Task", "Metric", "First", "Second", "Difference", "95 % interval", "Adjusted p", "n"]
    terminal.print_table(terminal.out(), f"{names[0]} against {names[1]}", columns, rows, words=columns[:3])


def _two_models(found: list[list[EvaluationResult]], wanted: list[str]) -> list[list[EvaluationResult]]:
    names = [list(dict.fromkeys(result.model_name for result in results)) for results in found]
    if not wanted and all(len(own) == 1 for own in names) and names[0] != names[1]:
        wanted = [names[0][0], names[1][0]]
    elif not wanted and names[0] == names[1] and len(names[0]) == 2:
        wanted = names[0]
    known = ", ".join(map(repr, dict.fromkeys([*names[0], *names[1]])))
    if len(wanted) != 2 or wanted[0] not in names[0] or wanted[1] not in names[1]:
        raise UserError(
            f"two models are needed; there are {known}", remedy="name both: --models A --models B"
        )
    return [
        [result for result in results if result.model_name == name]
        for results, name in zip(found, wanted, strict=True)
    ]


@app.command(epilog="Example:  clip-audit evaluate overlap tiny --train emoji --on emoji-held-out")
def overlap(
    model: ModelArgument,
    *,
    train: Annotated[
        str, typer.Option(metavar="SET", help="Its train split is searched.", show_default=False)
    ],
    on: Annotated[str, typer.Option(metavar="SET", help="Whose images may be in it.", show_default=False)],
    similarity: Annotated[float, typer.Option(help="Least cosine of a duplicate.")] = 0.97,
    bits: Annotated[int, typer.Option(help="Most bits of 64 in which the hashes of duplicates differ.")] = 6,
    out: Annotated[Path, typer.Option(help="Folder of overlap.csv and duplicates.csv.")] = Path(
        "runs/overlap"
    ),
    root: RootOption = None,
    cache: CacheOption = None,
) -> None:
    """Find evaluation images that are in a training set, and what they do to the accuracy, by group."""
    from audit.commands.composed.evaluation_runs import Options
    from audit.commands.composed.evaluation_studies import overlap as study
    from audit.formatting import p_value, percent, points
    from probes.embeddings.embed import cache_folder

    _check_out(out)
    with terminal.progress_bars() as progress:
        loaded = _load(model, device="cpu", cache=cache, progress=progress)
        table, listed = study(
            loaded, train, on, Options(root=root), cache=cache or cache_folder(), similarity=similarity,
            most_bits=bits,
        )  # fmt: skip
    write_csv(table, out / "overlap.csv")
    write_csv(listed, out / "duplicates.csv")
    rows = [
        [row["by"], row["group"], f"{row['n']:,}", f"{row['duplicates']:,}", percent(row["accuracy_all"]),
         percent(row["accuracy_clean"]), percent(row["accuracy_overlap"]), points(row["inflation"]),
         p_value(row["p_adjusted"])]
        for row in table.to_dict("records")
    ]  # fmt: skip
    columns = ["By", "Group", "n", "Duplicates", "All", "Clean", "Overlap", "All - clean", "Adjusted p"]
    terminal.print_table(terminal.out(), f"Images of {on} in {train}", columns, rows, words=columns[:2])


@app.command(
    epilog="Examples:  clip-audit evaluate adapt tiny --fit emoji --on emoji emoji-held-out  ·  "
    "clip-audit evaluate adapt tiny --suite quickstart"
)
def adapt(
    model: ModelArgument,
    *,
    fit: Annotated[
        str | None, typer.Option(metavar="SET", help="Its train split is fitted.", show_default=False)
    ] = None,
    on: Annotated[
        list[str] | None, typer.Option("--on", metavar="SET...", help="Sets to ask.", show_default=False)
    ] = None,
    suite: Annotated[
        str | None,
        typer.Option(
            help="A suite whose disparities are compared, zero-shot and adapted.", show_default=False
        ),
    ] = None,
    data: Annotated[
        str | None, typer.Option(metavar="KIND:PATH", help="Data of the suite.", show_default="the suite's")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the tables and the page.")] = Path("runs/adapt"),
    root: RootOption = None,
    seed: Annotated[int, typer.Option(help="Of the images held out for the search.")] = 0,
    cache: CacheOption = None,
) -> None:
    """Fit a linear classifier: accuracy there and under shift, and what it does to the gaps of a suite.

    Probes whose classes are among those of the fitted set are answered by that classifier; others with a
    truth get one of their own, fitted on half of the suite's images and measured on the other half.
    """
    from audit.commands.composed.adaptation_study import adapt as study
    from audit.commands.composed.evaluation_runs import Options
    from probes.embeddings.embed import cache_folder

    _check_out(out)
    with terminal.progress_bars() as progress:
        loaded = _load(model, device="cpu", cache=cache, progress=progress)
        options = Options(root=root, seed=seed)
        found = study(loaded, fit, on or [], options, cache=cache or cache_folder(), suite=suite, data=data)
    found.write(out)
    _print_adaptation(found, fit, out)


def _print_adaptation(found: Adaptation, fit: str | None, out: Path) -> None:
    from audit.formatting import p_value, percent, points, points_interval

    console = terminal.out()
    rows = [
        [row["dataset"], percent(row["zero_shot"]), percent(row["adapted"]), points(row["difference"]),
         points_interval(row["low"], row["high"]), p_value(row["p_adjusted"]), f"{row['n']:,}"]
        for row in found.accuracy.to_dict("records")
    ]  # fmt: skip
    columns = ["Set", "Zero-shot", "Adapted", "Change", "95 % interval", "Adjusted p", "n"]
    if rows:
        terminal.print_table(
            console, f"A linear classifier fitted on {fit}", columns, rows, words=columns[:1]
        )
    for table, title, (zero_shot, adapted) in (
        (found.gaps, "Differences in accuracy between groups of the sets", ("gap_zero_shot", "gap_adapted")),
        (found.suite.sort_values("p", kind="stable").head(8), "Differences of the suite that changed most",
         ("before", "after")),
    ):  # fmt: skip
        rows = [
            [_difference_words(row), points(row[zero_shot]), points(row[adapted]), points(row["change"]),
             points_interval(row["low"], row["high"]), p_value(row["p_adjusted"])]
            for row in table.to_dict("records")
        ]  # fmt: skip
        columns = ["Difference", "Zero-shot", "Adapted", "Change", "95 % interval", "Adjusted p"]
        if rows:
            terminal.print_table(console, title, columns, rows, words=columns[:1])
    for note in found.notes:
        console.print(note, soft_wrap=True, markup=False)
    console.print(f"\nReport: {out / 'report.html'}", soft_wrap=True, markup=False)


def _difference_words(row: Mapping[Hashable, Any]) -> str:
    from audit.formatting import words

    of = ", ".join(words(str(row[name])) for name in ("dataset", "probe", "outcome") if name in row)
    return f"{of}: {words(str(row['group']))} against {words(str(row['reference']))}"
