"""The closing summary in the terminal: what was found, with intervals and n."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
from rich.console import Console
from rich.markup import escape

from audit import formatting as fmt
from audit.commands.terminal import print_table
from audit.conclusions.findings import distinct_contrasts
from audit.report import components
from audit.report.sections.measures import interval_text, item_name, most_telling, value_text
from audit.report.verdict import primary_rows
from audit.result import AuditResult
from audit.tables.published_figures import published_table

GAPS_SHOWN, REASONS_SHOWN = 2, 8  # gaps of each outcome of a probe; reasons in all
SPLIT = "split"
VERDICT_STYLES = {"PASS": "bold green", "FAIL": "bold red", "INCONCLUSIVE": "bold yellow"}
WORDS = {"probe", "images", "outcome", "group", "against", "reason", "measure", "about", "row"}
ACCURACY_COLUMNS = ("probe", "images", "n", "accuracy", "95 % interval", "balanced")
HARM_COLUMNS = ("probe", "outcome", "n", "rate", "95 % interval")
GAP_COLUMNS = ("probe", "outcome", "group", "against", "n", "difference", "95 % interval", "adjusted p")
EXCLUDED_COLUMNS = ("probe", "reason", "n")
MEASURE_COLUMNS = ("probe", "measure", "about", "n", "value", "95 % interval", "adjusted p")
MEASURES_SHOWN = 4  # of each probe that is no classification
Rows = Iterator[tuple[str, ...]]


def print_summary(result: AuditResult, console: Console) -> None:
    """Print accuracy, harmful predictions, other measures, gaps, exclusions, references and the verdict.

    Of the ways of asking a probe only the first is shown (first design and template, highest-scoring class);
    the report has all.
    """
    data, suite = result.manifest["data"], result.manifest["suite"]
    console.print(f"\n[bold]{escape(suite['title'] or suite['name'])}[/]", soft_wrap=True)
    model, n_images = result.manifest["model"]["name"], fmt.integer(data["n_images"])
    console.print(escape(f"model {model}, data {data['name']}, {n_images} images"), soft_wrap=True)
    for sentence in _at_chance(result):  # before any difference: it says what they are worth
        console.print(f"[bold yellow]{escape(sentence)}[/]", soft_wrap=True)
    tables: list[tuple[str, tuple[str, ...], Rows]] = [
        ("Zero-shot accuracy", ACCURACY_COLUMNS, _accuracy(result)),
        ("Harmful predictions", HARM_COLUMNS, _harm(result)),
        ("Other measures, the most telling of each probe", MEASURE_COLUMNS, _measures(result)),
        ("Widest differences between groups of people, in percentage points", GAP_COLUMNS, _gaps(result)),
        ("Left out of a probe, or of the groups of an attribute", EXCLUDED_COLUMNS, _excluded(result)),
    ]
    for title, columns, rows in tables:
        print_table(console, title, columns, rows, words=WORDS)
    _print_published(result, console)
    n_ways = result.n_specifications
    ways = f"over {n_ways} {'specification' if n_ways == 1 else 'specifications'}"
    console.print(
        f"\nFindings after correction for multiplicity: {len(result.findings)}, {ways}", soft_wrap=True
    )
    console.print(f"Verdict: [{VERDICT_STYLES.get(result.verdict, 'bold')}]{result.verdict}[/]")
    if data["caution"]:
        console.print(escape(f"Caution: {data['caution']}"), soft_wrap=True)


def _at_chance(result: AuditResult) -> Iterator[str]:
    """A sentence for each probe whose accuracy is not known to be above that of a guess among its classes."""
    for probe in result.manifest["probes"]:
        designs = probe.get("designs") or []
        if not probe.get("truth") or not designs:
            continue
        n_classes = len(designs[0]["classes"])
        for row in _records(_split_by(_primary(result.accuracy, probe), probe)):
            if row["low"] <= 1 / n_classes:
                found = f"{fmt.percent(row['rate'])} ({fmt.percent_interval(row['low'], row['high'])})"
                guess = f"a guess among {n_classes} classes has {fmt.percent(1 / n_classes)}"
                yield (
                    f"{_title(probe)}: the accuracy is {found}, and {guess}. "
                    "Differences between groups say nothing of a model that guesses."
                )


def _primary(frame: pd.DataFrame, probe: Mapping[str, Any]) -> pd.DataFrame:
    primary = components.primary_specification(frame, probe=probe)
    return frame.iloc[:0] if primary is None else components.of_specification(frame, primary)


def _split_by(frame: pd.DataFrame, probe: Mapping[str, Any], *attributes: str) -> pd.DataFrame:
    """The rows that are split by these attributes and no other."""
    wanted = pd.Series(True, index=frame.index)
    for name in components.attribute_columns({"probes": [probe]}):
        wanted &= (frame[name] != components.ALL) == (name in attributes)
    return frame[wanted]


def _title(probe: Mapping[str, Any]) -> str:
    return str(probe["title"] or fmt.words(probe["name"]))


def _accuracy(result: AuditResult) -> Rows:
    for probe in result.manifest["probes"]:
        rows = _primary(result.accuracy, probe)
        shown = [_split_by(rows, probe)]
        if [SPLIT] in probe["groups"]:
            shown.append(_split_by(rows, probe, SPLIT))
        for row in _records(pd.concat(shown)):
            images = "all" if row.get(SPLIT, components.ALL) == components.ALL else fmt.words(row[SPLIT])
            interval = fmt.percent_interval(row["low"], row["high"])
            n, accuracy = fmt.integer(row["n"]), fmt.percent(row["rate"])
            yield _title(probe), images, n, accuracy, interval, fmt.percent(row["balanced"])


def _harm(result: AuditResult) -> Rows:
    for probe in result.manifest["probes"]:
        harmful = {outcome["name"]: outcome["title"] for outcome in probe["outcomes"] if outcome["harmful"]}
        for row in _records(_split_by(_primary(result.rates, probe), probe)):
            if row["outcome"] in harmful:
                interval = fmt.percent_interval(row["low"], row["high"])
                title = fmt.words(harmful[row["outcome"]])
                yield _title(probe), title, fmt.integer(row["n"]), fmt.percent(row["rate"]), interval


def _gaps(result: AuditResult) -> Rows:
    titles = {probe["name"]: _title(probe) for probe in result.manifest["probes"]}
    gaps = primary_rows(result.gaps, result.rates, probes=result.manifest["probes"])
    gaps = gaps[distinct_contrasts(gaps)].dropna(subset=["difference"])
    # By the end of the interval that is nearer to 0: a group of three images has a wide gap and says little.
    low, high = gaps["difference_low"], gaps["difference_high"]
    sure = low.where(low > 0, -high.where(high < 0, 0.0)).fillna(0.0)
    order = pd.DataFrame({"sure": -sure, "size": -gaps["difference"].abs()})
    widest_first = gaps.loc[order.sort_values(["sure", "size"], kind="stable").index]
    shown = widest_first.groupby(["probe", "outcome"], sort=False).head(GAPS_SHOWN)
    for row in _records(shown):
        yield (
            titles[row["probe"]],
            fmt.words(row["outcome"]),
            fmt.words(row["group"]),
            fmt.words(row["reference"]),
            f"{fmt.integer(row['n_group'])} / {fmt.integer(row['n_reference'])}",
            fmt.points(row["difference"]),
            fmt.points_interval(row["difference_low"], row["difference_high"]),
            fmt.p_value(row["p_adjusted"]),
        )


def _measures(result: AuditResult) -> Rows:
    for probe in result.manifest["probes"]:
        attributes = components.attribute_columns({"probes": [probe]})
        rows = result.measures[result.measures["probe"] == probe["name"]].dropna(subset=["value"])
        for row in _records(most_telling(rows).head(MEASURES_SHOWN)):
            about, measure = item_name(row, attributes), fmt.words(row["metric"])
            numbers = (value_text(row, probe), interval_text(row, probe), fmt.p_value(row["p_adjusted"]))
            yield _title(probe), measure, about, fmt.integer(row["n"]), *numbers


def _print_published(result: AuditResult, console: Console) -> None:
    """Published figures, and the results that answer the same question under them."""
    published = result.manifest.get("published")
    if not published:
        return
    figures = published_table(result.manifest, accuracy=result.accuracy, rates=result.rates)
    console.print(f"\n[bold]{escape(published['title'])}[/]: references, not targets", soft_wrap=True)
    for title, table in figures.groupby("title", sort=False):
        names = list(dict.fromkeys(table["column"]))
        rows = [
            (f"{where}: {name}", *map(fmt.percent, own.set_index("column")[column].reindex(names)))
            for name, own in table.groupby("row", sort=False)
            if own["value"].notna().any()
            for where, column in (("published", "reference"), ("here", "value"))
        ]
        print_table(console, str(title), ("row", *map(fmt.words, names)), rows, words=WORDS)


def _excluded(result: AuditResult) -> Rows:
    totals = result.excluded.groupby(["probe", "reason"], sort=False)["n"].sum().reset_index()
    totals = totals.sort_values("n", ascending=False, kind="stable")
    for row in _records(totals.head(REASONS_SHOWN)):
        yield fmt.words(row["probe"]), row["reason"], fmt.integer(row["n"])
    if len(totals) > REASONS_SHOWN:
        yield "", f"and {len(totals) - REASONS_SHOWN} more reasons, in the report", ""


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]
