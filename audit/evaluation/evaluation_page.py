"""The page of an evaluation: accuracy by set, shift, prompts, few-shot curves and classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pandas as pd

from audit import formatting as fmt
from audit.evaluation.evaluation_result import EvaluationResult
from audit.evaluation.interchange import list_average, metric_values
from audit.figures import evaluation as figures
from audit.figures.layout import forest_around_zero
from audit.metric_words import TASKS, metric_words, task_words
from audit.report.components import Figure, Table, number_columns, slug, text_columns
from clipmodel.evaluation.registry.catalogue import set_lists
from clipmodel.evaluation.robustness.baseline import SHIFTS, baseline, source
from clipmodel.plurals import number_of

INTERVAL: Final = "95\N{NO-BREAK SPACE}% interval"
MOST_TEMPLATES: Final = 20
MOST_CLASSES: Final = 25


def evaluation_page(results: Sequence[EvaluationResult], robustness: pd.DataFrame) -> dict[str, Any]:
    """Return what the template of the page shows."""
    models = list(dict.fromkeys(result.model_name for result in results))
    return {
        "title": models[0] if len(models) == 1 else f"{len(models)} models",
        "facts": [
            ("Models", ", ".join(models)),
            ("Sets", str(len({result.dataset for result in results}))),
            ("Results", str(len(results))),
        ],
        "accuracy": _accuracy(results),
        "metrics": _metrics_table(results),
        "averages": _averages(results),
        "shift": _shift(robustness),
        "shift_table": _shift_table(robustness),
        "baseline": f"{source()}; line fitted on the logits of both accuracies",
        "templates": [_templates(one) for one in results if len(one.tables.get("templates", ()))],
        "prompts": [_prompts(one) for one in results if len(one.tables.get("prompt_effect", ()))],
        "few_shot": _few_shot(results),
        "classes": [_classes(one) for one in results if len(one.tables.get("per_class", ()))],
        "method": _method(results),
        "notes": _notes(results),
    }


def _label(result: EvaluationResult) -> str:
    return f"{result.dataset}, {task_words(result.task)}"


def _id(result: EvaluationResult, what: str) -> str:
    return slug(what, result.model_name, result.dataset, result.task, result.language)


def _accuracy(results: Sequence[EvaluationResult]) -> list[Figure]:
    rows = pd.DataFrame(
        {
            "model": result.model_name,
            "label": _label(result),
            "value": result.main.value,
            "low": result.main.low,
            "high": result.main.high,
            "n": result.main.n,
            "chance": float(result.details.get("chance") or float("nan")),
        }
        for result in results
    )
    svg = figures.accuracy_by_set(rows, name="fig-accuracy", title="Main metric of each set")
    caption = "The main metric of each set with its 95\N{NO-BREAK SPACE}% interval."
    return [Figure(svg=svg, caption=caption, table="metrics-t")]


def _metrics_table(results: Sequence[EvaluationResult]) -> Table:
    columns = [
        *text_columns("Model", "Set", "Task", "Metric"),
        *number_columns("Value", INTERVAL, "n"),
        *text_columns("Interval by"),
    ]
    rows = []
    for result in results:
        for name, one in result.metrics.items():
            rank = "rank" in name
            value = f"{one.value:.1f}" if rank else fmt.percent(one.value)
            interval = f"{one.low:.1f} to {one.high:.1f}" if rank else fmt.percent_interval(one.low, one.high)
            words = metric_words(name)
            main = f"{words} (main)" if name == result.main_metric else words
            rows.append(
                [result.model_name, result.dataset, task_words(result.task), main, value,
                interval,
                 fmt.integer(one.n), one.method]
            )  # fmt: skip
    return Table(caption="Every metric", columns=columns, rows=rows)


def _averages(results: Sequence[EvaluationResult]) -> Table | None:
    """Averages over published lists: a value only if all sets are there, and the sets that lack by name."""
    rows = []
    for model in dict.fromkeys(result.model_name for result in results):
        own = [result for result in results if result.model_name == model]
        for task in ("zeroshot", "linear_probe"):
            values = metric_values([one for one in own if one.task.startswith(task)])
            for name in set_lists():
                average = list_average(values, name)
                if average.present:
                    lacking = ", ".join(average.missing) or "none"
                    rows.append(
                        [model, TASKS.get(task, "zero-shot"), average.title, fmt.percent(average.value),
                         f"{len(average.present)} of {len(average.present) + len(average.missing)}", lacking]
                    )  # fmt: skip
    if not rows:
        return None
    columns = [
        *text_columns("Model", "Task", "List"),
        *number_columns("Average", "Sets"),
        *text_columns("Missing"),
    ]
    return Table(
        caption="Averages over published lists, without a correction for chance", columns=columns, rows=rows
    )


def _shift(robustness: pd.DataFrame) -> list[Figure]:
    drawings = []
    for shift, part in robustness.groupby("shift", sort=False):
        line = baseline(str(shift), str(part["id_set"].iloc[0])) if shift in SHIFTS else None
        svg = figures.shift_plot(part, line, name=slug("fig-shift", str(shift)), title=f"Shift to {shift}")
        caption = f"Accuracy on {shift} against {part['id_set'].iloc[0]}, on logit axes."
        drawings.append(Figure(svg=svg, caption=caption, table="shift-t"))
    return drawings


def _shift_table(robustness: pd.DataFrame) -> Table:
    columns = [
        *text_columns("Model", "Task", "Shift", "Without"),
        *number_columns("Accuracy", "Under shift", "Difference", INTERVAL, "Predicted",
                        "Effective", INTERVAL, "Gap closed", "Models", "R²"),
        *text_columns("Note"),
    ]  # fmt: skip
    rows = [
        [
            str(row["model"]), task_words(str(row["task"])), str(row["shift"]), str(row["id_set"]),
            fmt.percent(row["id_accuracy"]), fmt.percent(row["shift_accuracy"]),
            fmt.points(row["difference"]),
            fmt.points_interval(row["difference_low"], row["difference_high"]),
            fmt.percent(row["predicted"]),
            fmt.points(row["effective"]), fmt.points_interval(row["effective_low"], row["effective_high"]),
            fmt.percent(row["gap_closed"]), fmt.integer(row["baseline_models"]),
            fmt.ratio(row["baseline_r2"]),
            str(row["note"]),
        ]
        for row in robustness.to_dict("records")
    ]  # fmt: skip
    return Table(caption="Accuracy under shift", columns=columns, rows=rows)


def _templates(result: EvaluationResult) -> dict[str, Any]:
    table = result.tables["templates"]
    # The first row is the ensemble, with which the others are compared.
    shown = table.iloc[1:].sort_values("difference", ascending=False, kind="stable")
    some = shown.head(MOST_TEMPLATES)
    blocks = [("", some.assign(label=some["prompts"].str.slice(0, 34)))]
    identity = _id(result, "templates")
    svg = forest_around_zero(
        blocks, centre="difference", low="difference_low", high="difference_high", n="n",
        axis="points above or below the ensemble", name=f"fig-{identity}",
        title=f"Templates on {result.dataset}", lead="Accuracy of a template minus that of the ensemble",
    )  # fmt: skip
    columns = [
        *text_columns("Prompts"),
        *number_columns("Accuracy", "Against the ensemble", INTERVAL, "Adjusted p",
                        "Adds to the ensemble", INTERVAL, "Adjusted p", "n"),
    ]  # fmt: skip
    rows = [
        [str(row["prompts"]), fmt.percent(row["accuracy"]), fmt.points(row["difference"]),
         fmt.points_interval(row["difference_low"], row["difference_high"]), fmt.p_value(row["p_adjusted"]),
         fmt.points(row["adds"]), fmt.points_interval(row["adds_low"], row["adds_high"]),
         fmt.p_value(row["adds_p_adjusted"]), fmt.integer(row["n"])]
        for row in table.to_dict("records")
    ]  # fmt: skip
    caption = (
        f"Each template alone against the ensemble of all, paired ({result.model_name} on {result.dataset})"
    )
    return {
        "id": identity,
        "title": f"{result.dataset}: {result.model_name}",
        "figures": [Figure(svg=svg, caption=caption, table=identity)],
        "table": Table(caption=caption, columns=columns, rows=rows),
    }


def _prompts(result: EvaluationResult) -> Table:
    columns = [
        *text_columns("Prompt", "Direction"),
        *number_columns("k", "Without", "With", "Difference", INTERVAL, "Adjusted p", "n"),
    ]
    rows = [
        [str(row["prompt"]), str(row["direction"]), str(row["k"]), fmt.percent(row["without"]),
         fmt.percent(row["with_prompt"]), fmt.points(row["difference"]),
         fmt.points_interval(row["low"], row["high"]), fmt.p_value(row["p_adjusted"]), fmt.integer(row["n"])]
        for row in result.tables["prompt_effect"].to_dict("records")
    ]  # fmt: skip
    return Table(caption=f"{result.model_name} on {result.dataset}", columns=columns, rows=rows)


def _few_shot(results: Sequence[EvaluationResult]) -> list[dict[str, Any]]:
    found = []
    for dataset in dict.fromkeys(result.dataset for result in results):
        own = [r for r in results if r.dataset == dataset and len(r.tables.get("few_shot", ()))]
        if own:
            identity = slug("few-shot", dataset)
            series = [(result.model_name, result.tables["few_shot"]) for result in own]
            title = f"Few-shot linear probe on {dataset}"
            svg = figures.few_shot_curves(series, name=f"fig-{identity}", title=title)
            rows = [
                [name, fmt.integer(row["shots"]), fmt.percent(row["accuracy"]),
                 fmt.percent_interval(row["low"], row["high"]), fmt.percent(row["lowest_draw"]),
                 fmt.percent(row["highest_draw"]), fmt.integer(row["draws"]), fmt.integer(row["n"])]
                for name, table in series
                for row in table.to_dict("records")
            ]  # fmt: skip
            columns = [
                *text_columns("Model"),
                *number_columns("Images per class", "Accuracy", INTERVAL, "Lowest draw",
                                "Highest draw", "Draws", "n"),
            ]  # fmt: skip
            found.append(
                {
                    "id": identity,
                    "figures": [Figure(svg=svg, caption=f"{title}; mean of the draws.", table=identity)],
                    "table": Table(caption=title, columns=columns, rows=rows),
                }
            )
    return found


def _classes(result: EvaluationResult) -> dict[str, Any]:
    table = result.tables["per_class"]
    # Lowest recall first: the classes that a reader looks for.
    shown = table.sort_values("recall", kind="stable").head(MOST_CLASSES)
    columns = [
        *text_columns("Class"),
        *number_columns("n", "Right", "Recall", INTERVAL, "Precision"),
        *text_columns("Most confused with"),
    ]
    rows = [
        [str(row["name"]), fmt.integer(row["n"]), fmt.integer(row["right"]), fmt.percent(row["recall"]),
         fmt.percent_interval(row["low"], row["high"]), fmt.percent(row["precision"]),
         str(row["most_confused_with"])]
        for row in shown.to_dict("records")
    ]  # fmt: skip
    more = f", the {MOST_CLASSES} lowest of {len(table)}" if len(table) > MOST_CLASSES else ""
    caption = f"Recall of each class{more}: {result.model_name} on {_label(result)}"
    return {"id": _id(result, "classes"), "table": Table(caption=caption, columns=columns, rows=rows)}


def _method(results: Sequence[EvaluationResult]) -> Table:
    columns = text_columns(
        "Model", "Set", "Images", "From", "Licence", "Preprocessing", "Fingerprint", "Seed"
    )
    rows = [
        [result.model_name, f"{result.dataset} ({result.language})", str(result.details.get("images", "")),
         str(result.details.get("where", "")), str(result.details.get("licence", "")),
         str(result.details.get("preprocessing", "")), str(result.details.get("fingerprint", ""))[:12],
         str(result.details.get("seed", ""))]
        for result in results
    ]  # fmt: skip
    return Table(caption="What was evaluated", columns=columns, rows=rows)


def _notes(results: Sequence[EvaluationResult]) -> list[str]:
    notes = []
    for result in results:
        if unreadable := result.details.get("unreadable"):
            text = f"{number_of(len(unreadable), 'image')} could not be read, such as {unreadable[0]['id']}"
            notes.append(f"{result.dataset}, {result.model_name}: {text}.")
        notes += [f"{result.dataset}: {note}." for note in result.details.get("notes", ())]
        if result.details.get("converged") is False:
            notes.append(f"{result.dataset}, {result.model_name}: the solver stopped at its last iteration.")
    return list(dict.fromkeys(notes))
