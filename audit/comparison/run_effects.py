"""Training runs as a sample of runs: each rate and gap with the interval for another run of their kind.

Runs that differ in their seed alone are draws from what the same training gives. Their spread, on the same
images and in the same specification, says how far a gap would move in one more of them
(`audit.statistics.variation.prompt_variance`, with runs in the place of prompts).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

import numpy as np
import pandas as pd

from audit.tables.context import TableContext
from audit.tables.groups.coded_table import CodedTable
from audit.tables.primary import primary_specification
from audit.tables.prompt_effects import SIZES, prompt_effects_of
from probes.records import NOT_EVALUATED, empty_counts
from probes.rules.rule_registry import one_class_rules

LEAST_RUNS: Final = 2
NAMES: Final = {
    "prompts": "runs",
    "sd_prompts": "sd_runs",
    "prompt_low": "run_low",
    "prompt_high": "run_high",
}
RUN_COLUMNS: Final = (
    "probe", "outcome", "design", "template", "by", "group", "reference", "n_group", "n_reference",
    "clusters_group", "clusters_reference", "runs", "value", "sd_runs", "images_low", "images_high",
    "run_low", "run_high", "df", "note",
)  # fmt: skip


class Answers(Protocol):
    """What is read of an audit: of the first one its gaps and rates, of each what its model answered."""

    @property
    def manifest(self) -> Any: ...
    @property
    def outcomes(self) -> pd.DataFrame | None: ...
    @property
    def gaps(self) -> pd.DataFrame: ...
    @property
    def rates(self) -> pd.DataFrame: ...


def run_effect_table(results: Sequence[Answers]) -> pd.DataFrame:
    """Each rate and gap over several runs, in the first specification of every probe.

    Parameters
    ----------
    results
        Audits of one suite on the same images, by models that differ in their training run alone. What else
        they differ in is then taken for a difference of runs.

    Returns
    -------
    Columns `RUN_COLUMNS`: as `audit.tables.prompt_effects.prompt_effect_table`, with run_low and run_high the
    interval in a further run. Images that not all runs have take no part. If all runs speak for one
    population, numbers are weighted. Empty if the runs share no images or question, keep no outcomes of
    single images, or speak for different populations.
    """
    rows: list[dict[str, Any]] = []
    if len(results) >= LEAST_RUNS and comparable(results):
        context = TableContext.of(empty_counts([]), results[0].manifest, [])
        for probe in results[0].manifest["probes"]:
            rows += _of_probe(context, probe, results)
    table = pd.DataFrame(rows).rename(columns=NAMES) if rows else pd.DataFrame(columns=list(RUN_COLUMNS))
    words = ("probe", "outcome", "design", "template", "by", "group", "reference", "note")
    whole = [NAMES.get(name, name) for name in SIZES]
    dtypes = {
        name: "str" if name in words else "int64" if name in whole else "float64" for name in RUN_COLUMNS
    }
    return table[list(RUN_COLUMNS)].astype(dtypes)


def comparable(results: Sequence[Answers]) -> bool:
    """Whether all runs kept the outcomes of single images, and speak for the same population."""
    populations = [one.manifest.get("population") or {} for one in results]
    named = [{name: value.get(name) for name in ("weights", "shares")} for value in populations]
    return all(one.outcomes is not None for one in results) and all(one == named[0] for one in named)


def _of_probe(
    context: TableContext, probe: Mapping[str, Any], results: Sequence[Answers]
) -> Iterator[dict[str, Any]]:
    for entry, outcome, joined in joined_runs(probe, results):
        template = primary_specification(results[0].rates, probe=probe) or {}
        images = CodedTable(joined), np.arange(len(joined))
        for row in prompt_effects_of(context, entry, outcome, images, results[0].gaps):
            yield {**row, "template": template["template"]}


def joined_runs(
    probe: Mapping[str, Any], results: Sequence[Answers]
) -> Iterator[tuple[dict[str, Any], str, pd.DataFrame]]:
    """The outcomes of a probe in its first specification, of the images that all runs have.

    Yields
    ------
    The probe as if its runs were templates ("run 1", ...), the name of the outcome, and rows as of
    `Records.outcomes` whose bit strings have a character per run; nothing if a run lacks the specification.
    """
    primary = primary_specification(results[0].rates, probe=probe)
    places = [_place(one, str(probe["name"]), primary) for one in results]
    if primary is None or any(place is None for place in places):
        return
    runs = [f"run {number}" for number in range(1, len(results) + 1)]
    entry = {**probe, "specifications": [(primary["design"], run, primary["rule"], None) for run in runs]}
    for outcome in probe["outcomes"]:
        joined = _joined(results, [place or 0 for place in places], str(probe["name"]), str(outcome["name"]))
        if len(joined):
            yield entry, str(outcome["name"]), joined


def _place(result: Answers, name: str, primary: Mapping[str, Any] | None) -> int | None:
    """Where the specification stands in the bit strings of a run."""
    probe = next((one for one in result.manifest["probes"] if one["name"] == name), None)
    if probe is None or primary is None:
        return None
    wanted = (primary["design"], primary["template"], primary["rule"])
    keys = [(key[0], key[1], key[2]) for key in probe.get("specifications") or ()]
    return keys.index(wanted) if primary["rule"] in one_class_rules() and wanted in keys else None


def _joined(results: Sequence[Answers], places: Sequence[int], probe: str, outcome: str) -> pd.DataFrame:
    """The images that all runs have, with a bit string of one character per run."""
    joined = pd.DataFrame()
    for number, (result, place) in enumerate(zip(results, places, strict=True)):
        table = result.outcomes if result.outcomes is not None else pd.DataFrame()
        own = table[(table["probe"] == probe) & (table["outcome"] == outcome)]
        character = own["outcome_bits"].str[place]
        one = own.assign(outcome_bits=character)[character != NOT_EVALUATED]
        if number == 0:
            joined = one.reset_index(drop=True)
            continue
        both = joined.merge(one[["image", "outcome_bits"]], on="image", suffixes=("", "_next"))
        joined = both.assign(outcome_bits=both["outcome_bits"] + both["outcome_bits_next"]).drop(
            columns="outcome_bits_next"
        )
    return joined
