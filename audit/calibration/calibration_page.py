"""docs/calibration.md: the tables of calibration in words, numbers and figures."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from audit.calibration.page_summary import summary_sentences
from audit.calibration.scenarios import BY_NAME, Scenario
from audit.statistics.clusters.cluster_robust import LEAST_CLUSTERS

Tables = Mapping[str, pd.DataFrame]

NOMINAL = 0.95
FLOOR = 0.92
"""Coverage below which the page names where an interval falls short: three points under the nominal one."""
LEAST_TO_SHOW = 50
"""Whole audits of a scenario, of which fewer say nothing by themselves."""


def write_page(tables: Tables, page: Path, *, command: str) -> None:
    """Write the page, and its figures in a folder of the page's name beside it.

    Parameters
    ----------
    tables
        bulk and summary (`whole_audits.summary_of` of bulk and of whole audits), agreement
        (`whole_audits.agreement_of`), detectable (`detectable_gaps.detectable_summary`), measures
        (`measure_coverage`), hard (`hard_cases`) and coverage where they were made; where models were
        trained, models and planted.
    page
        The Markdown file.
    command
        What made the tables, for the reader who repeats it.
    """
    folder = page.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {"coverage": _draw_coverage, "models": _draw_models}
    figures = {name: draw for name, draw in drawn.items() if name in tables}
    for name, draw in figures.items():
        _save(draw, tables, folder / f"{name}.svg")
    parts = [_opening(command, tables), _bulk(tables["bulk"], tables["detectable"])]
    if "measures" in tables:
        parts.append(_measures(tables["measures"]))
    if "hard" in tables:
        parts.append(_hard_cases(tables["hard"]))
    parts.append(_audits(tables["summary"], tables["agreement"]))
    if "coverage" in tables:
        parts.append(_coverage(tables["coverage"], folder.name))
    if "models" in tables:
        parts.append(_models(tables["planted"], tables["models"], folder.name))
    page.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _opening(command: str, tables: Tables) -> str:
    return f"""# Calibration study

An audit that is wrong half of the time harms everyone. This page shows what its intervals, findings and gates
do where the truth is known: in simulated populations, and in models that were trained with bias planted on
purpose. `{command}` wrote it; each number is of that run. Intervals of shares are exact (Clopper-Pearson).
Degrees of freedom, bands and detectable gaps were chosen on these scenarios with seed 0: a page of another
seed shows them on data that nothing was chosen on.

{summary_sentences(tables)}"""


def _coverage(coverage: pd.DataFrame, folder: str) -> str:
    rows = [
        (of, interval, len(part), f"{part['coverage'].mean():.4f}", f"{part['coverage'].min():.4f}",
        _worst(part),  f"{part['undefined'].max():.3f}")
        for (of, interval), part in coverage.groupby(["of", "interval"], sort=False)
    ]  # fmt: skip
    header = ("of", "interval", "points", "mean coverage", "lowest", "where", "undefined at most")
    return f"""## Coverage of 95 % intervals

Sizes from 20 to 10,000 and rates from .01 to .5, two groups at equal sizes and against a reference 13 times
as large. All tables were summed where there are at most 30,000 likely ones; otherwise 10,000 were drawn
(2,000 for paired and stratified data, 500 with clusters, where the noise of a point is about .01). Counts are
whole numbers, so no interval covers exactly 95 % everywhere.

{_table(header, rows)}

Plain Wilson intervals fall below .92 where few events are expected: {_dips(coverage)}. So rates have the
adjusted one. The exact intervals never fall below .95, and gates use them; they are wider for it.

![Coverage by size and kind of interval]({folder}/coverage.svg)"""


def _bulk(bulk: pd.DataFrame, detectable: pd.DataFrame) -> str:
    return f"""## Simulated audits

The truth of these audits is known: persons answer with scores of which their images share a part, groups are
of unequal numbers of persons, and the last group differs where it is said. Every probe is asked under argmax
and two thresholds, with gates of 10 points. Coverage is of nominal 95 % intervals, its own interval is from
the spread between audits; that of shares of audits is exact. A false finding is one of a gap that is none;
against the rest, one that names another group than the different one. `few` are groups with fewer than
{LEAST_CLUSTERS} persons, of which an audit claims nothing. The interval of a finding is adjusted for its
having been found: of the findings of an audit, the share whose interval misses is to be at most 5 % in the
mean over all audits (the false coverage rate), where a finding of a gap that is none always misses.

These are drawn past the files, many at a time, by the functions that every audit uses; a whole audit of the
same images gives the same numbers, which the tests hold.

{_by_scenario(bulk)}

### The gap that an audit prints as detectable

An audit without gaps prints the gap that it would find in 80 % of cases. The same persons then answer anew,
with that gap in one of the probes, and the share below is of those in which the gap is found in the way of
asking for which it was printed. An audit prints none where no gap would be found so often.

{_detectable(detectable)}"""


def _detectable(table: pd.DataFrame) -> str:
    rows = [
        (BY_NAME[row["scenario"]].title, f"{100 * row['gap']:.1f} points", f"{row['printed']:.2f}",
         f"{row['found']:.3f}", _between(row["low"], row["high"]), f"{row['of']:,}")
        for row in table.to_dict("records")
    ]  # fmt: skip
    return _table(("audits", "median gap", "printed", "found", "95 % interval", "of"), rows)


def _measures(measures: pd.DataFrame) -> str:
    return f"""### Gaps within strata, and measures

The last group against g0: within strata of an attribute that is associated with the group; by the mean of
the scores, and by that in units of their standard deviation; and the mean over persons of the share of
their images with the event.

{_figures(measures)}"""


def _hard_cases(cases: pd.DataFrame) -> str:
    return f"""### Permutation tests, mixed clusters, paired changes, few clusters

All without a true gap. The curve test is of the last group against g0 over two thresholds. Persons whose
images are of three groups make contrasts whose sides share clusters; their curve tests use the same
permutations for all groups, as an audit does. Paired changes are those of `clip-audit compare`, of a second
model that has the outcome at half the rate in all groups. The last case has a side of ten clusters, which is
the least that is tested, at the levels that adjusted tests reach.

{_figures(cases)}"""


def _figures(table: pd.DataFrame) -> str:
    rows = [
        (BY_NAME[row["scenario"]].title if row["scenario"] in BY_NAME else row["scenario"], row["figure"],
         f"{row['value']:.4f}" if row["value"] < 0.01 else f"{row['value']:.3f}",
         _between(row["low"], row["high"]), f"{row['of']:,}")
        for row in table.to_dict("records")
    ]  # fmt: skip
    return _table(("audits", "figure", "value", "95 % interval", "of"), rows)


def _audits(summary: pd.DataFrame, agreement: pd.DataFrame) -> str:
    rows = [
        (BY_NAME[row["scenario"]].title, row["whole"], row["identical"])
        for row in agreement.to_dict("records")
    ]
    enough = agreement[agreement["whole"] >= LEAST_TO_SHOW]["scenario"]
    shown = summary[summary["scenario"].isin(enough)]
    return f"""## Whole audits of tables of predictions

Each audit writes a table of predictions, reads it as `predictions:PATH`, asks, counts and concludes: nothing
is simulated past the files. It is compared with the audit of the same images from the section above, which is
identical if it covers, finds, confirms, fails and passes as often, with the same mean of found over true
gaps. Scenarios with at least {LEAST_TO_SHOW} whole audits have their own figures.

{_table(("audits", "whole audits", "identical in bulk"), rows)}

{_by_scenario(shown) if len(shown) else ""}""".rstrip()


def _by_scenario(summary: pd.DataFrame) -> str:
    parts = [_scenario(str(name), part) for name, part in summary.groupby("scenario", sort=False)]
    return "\n".join(parts) if parts else "None was made."


def _drawn_as(scenario: Scenario) -> str:
    """Correlation and selection of a scenario in words."""
    words = f"correlation {scenario.correlation:g}"
    if scenario.unequal is not None:
        words += f", {scenario.unequal:g} in the last group"
    if scenario.selection:
        kish = 100 * math.exp(-(scenario.selection**2))
        words += f"; survey weights undo the selection (Kish's number is {kish:.0f} % of the persons)"
    return words


def _scenario(name: str, part: pd.DataFrame) -> str:
    scenario = BY_NAME[name]
    persons = ", ".join(map(str, scenario.persons))
    rows = [
        (row["figure"], f"{row['value']:.3f}", _between(row["low"], row["high"]), f"{row['of']:,}")
        for row in part.to_dict("records")
    ]
    probes = "1 probe" if scenario.probes == 1 else f"{scenario.probes} probes"
    return f"""### {scenario.title[0].upper()}{scenario.title[1:]}

{probes}; groups of {persons} persons; {_drawn_as(scenario)}; reference {scenario.reference}.

{_table(("figure", "value", "95 % interval", "of"), rows)}
"""


def _between(low: float, high: float) -> str:
    return "" if np.isnan(low) else f"{max(low, 0):.3f} to {min(high, 1):.3f}"


def _models(planted: pd.DataFrame, models: pd.DataFrame, folder: str) -> str:
    rows = []
    for row in planted.to_dict("records"):
        interval = f"{100 * row['found_low']:.0f} to {100 * row['found_high']:.0f} %"
        kind = (
            "none (controls)" if row["strength"] == 0 else f"{100 * row['strength']:g} % of a tone left out"
        )
        numbers = [f"{row[name]:.2f}" if np.isfinite(row[name]) else "" for name in ("change", "detectable")]
        found = f"{round(row['found'] * row['models'])} of {row['models']} ({interval})"
        rows.append((kind, *numbers, found, f"{round(row['any_other'] * row['models'])} of {row['models']}"))
    header = ("planted", "mean change", "detectable with 95 % power", "finding", "a finding elsewhere")
    return f"""## Bias planted in trained models

Small CLIPs (32 px, people of the embedded emoji and their skin tones), each trained from its first step on a
seed of its own; planted ones with a share of the images of one skin tone left out, the five tones in turn.
The bundled model is unsuitable for this: trained on for a hundred steps without them, it still named what it
had seen. The measure is the mean log-probability of the right tone beside that of the other tones,
over images outside the training split. A model is compared with the panel of the (other) controls, by
Student's t with the panel's own spread, so that the claim includes what another seed does; Holm over
{models["group"].nunique()} tones. Of controls, every finding is a false alarm.

{_table(header, rows)}

![Change of each group against the panel]({folder}/models.svg)"""


def _worst(part: pd.DataFrame) -> str:
    row = part.sort_values("coverage").iloc[0].to_dict()
    second = "" if np.isnan(row["rate_2"]) else f" and {row['rate_2']:g}"
    size = f"{row['n_1']:,}" if row["n_2"] in (0, row["n_1"]) else f"{row['n_1']:,} and {row['n_2']:,}"
    return f"n {size}, rate {row['rate_1']:g}{second}"


def _dips(coverage: pd.DataFrame) -> str:
    low = coverage[(coverage["interval"] == "Wilson") & (coverage["coverage"] < FLOOR)]
    return (
        "; ".join(
            f"{r['coverage']:.3f} at n {r['n_1']:,} and rate {r['rate_1']:g}" for r in low.to_dict("records")
        )
        or "nowhere"
    )


def _table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    lines = [list(header), *([str(value) for value in row] for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _save(draw: Callable[[Tables, Axes], str], tables: Tables, path: Path) -> None:
    style = sns.axes_style("whitegrid") | {"svg.fonttype": "none", "svg.hashsalt": path.stem, "font.size": 10}
    with mpl.rc_context(style):
        figure = Figure(figsize=(7.2, 3.8), layout="constrained")
        title = draw(tables, figure.subplots())
        figure.savefig(path, metadata={"Date": None, "Title": title})


def _draw_coverage(tables: Tables, ax: Axes) -> str:
    coverage = tables["coverage"]
    kind = coverage["of"] + ": " + coverage["interval"]
    lowest = coverage.assign(kind=kind).groupby(["kind", "n_1"], sort=False)["coverage"].min().reset_index()
    sns.lineplot(lowest, x="n_1", y="coverage", hue="kind", style="kind", markers=True, dashes=False,
                 palette="colorblind", ax=ax)  # fmt: skip
    ax.set(xscale="log", xlabel="images of the (first) group", ylabel="lowest coverage over the rates")
    for level in (NOMINAL, FLOOR):
        ax.axhline(level, color="black", linewidth=0.8, linestyle="--")
    ax.legend(title="", fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    return "Lowest coverage of each 95 % interval over the rates, by size; dashed lines at .95 and .92"


def _draw_models(tables: Tables, ax: Axes) -> str:
    models = tables["models"]
    own = models["group"] == models["planted"]
    kind = np.select(
        [own, models["planted"] == ""], ["thinned tone", "control"], default="planted model, other"
    )
    strengths = sorted(set(models["strength"].tolist()))
    # A little apart, the same way each time.
    apart = np.random.default_rng(0).uniform(-0.25, 0.25, len(models))
    place = models["strength"].map(strengths.index) + apart
    shown = models.assign(kind=kind, place=place).sort_values("kind", ascending=False)
    sns.scatterplot(shown, x="place", y="t", hue="kind", style="kind", palette="colorblind", alpha=0.7, ax=ax)
    ax.set_xticks(range(len(strengths)), [f"{100 * strength:g} %" for strength in strengths])
    ax.axhline(0, color="black", linewidth=0.8)
    ax.set(xlabel="share of the tone left out", ylabel="change over its spread (t)")
    ax.legend(title="")
    return "Change of each tone against the panel of controls, in units of its spread"
