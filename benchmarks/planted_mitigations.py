"""Which mitigations undo a gap that was planted in training, and what each costs.

    python -m benchmarks.planted_mitigations [--folder F] [--repetitions 4] [--seconds 600] [--placebos 25]

Trains what is missing for at most so many seconds (`benchmarks.planted_gap_models`; call it again to go on),
then measures what is there: the error in telling women from men of combinations that training lacked (women
with darker skin, men with lighter skin) less that of the others, on images of families that no model saw.
Methods that change embeddings, texts or answers are fitted to the skin tone on half of the drawings of each
planted model, and judged by other images of that model. A model that was trained otherwise differs from the
planted one of its repetition by its seed as well: it is judged over all repetitions, runs being a random
effect (`audit.mitigation.retrained_models`), and not from one. A placebo is LEACE fitted to labels that are
dealt out at random over drawings: no change is due.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from audit.commands.composed.mitigation_study import MitigationStudy, answered_before
from audit.comparison.run_changes import NOT_JUDGED
from audit.mitigation.mitigation_tables import Answered, Pair, correctness, cost_row, gap_rows
from audit.mitigation.retrained_models import retrained_rows
from audit.statistics.proportion.intervals import clopper_pearson
from benchmarks.planted_gap_models import VARIANTS, Trained, embeddings_of, train_missing
from clipmodel import load_model
from probes.datasets import load_dataset
from probes.embeddings.models import model_for
from probes.embeddings.store import EmbeddingStore
from probes.mitigation.apply import Embedded, embed_suite
from probes.mitigation.method_registry import ANSWER_METHODS, METHODS
from probes.mitigation.methods.erasure import leace
from probes.mitigation.text_encoder import TextEncoder
from probes.mitigation.transform import Map, Mitigation
from probes.suite.suite import load_suite

SUITE = """
suite: planted
templates: emoji
probes:
  - name: gender
    truth: gender
    label_set: woman_or_man
    templates: [plain]
    groups: [[rare], [tone], [gender]]
    outcomes: [misclassified]
label_sets:
  woman_or_man:
    sets:
      identity:
        - {name: woman, is: {gender: woman}}
        - {name: man, is: {gender: man}}
"""
WORDS: dict[str, tuple[str, ...]] = {
    "lighter": ("person with light skin",),
    "darker": ("person with dark skin",),
}
ANSWERS = [name for name in ANSWER_METHODS if "group" not in name]
PLACEBO = "placebo"
PLACES = {"before": 1, "after": 1, "change": 1, "low": 1, "high": 1, "p": 4, "p_adjusted": 4}
PLACES = {"before": 1, "after": 1, "change": 1, "low": 1, "high": 1, "p": 4, "p_adjusted": 4}
SHOWN = ("before", "after", "change", "low", "high", "p", "p_adjusted", "effect", "note")


def embedded(folder: Path, plan: Trained, suite: Path) -> Embedded:
    """The suite on the embeddings of a model, further texts by the model itself."""
    dataset = load_dataset(f"embeddings:{embeddings_of(folder, plan)}")
    store = EmbeddingStore(folder / "store")
    whole = embed_suite(
        load_suite(str(suite)), model_for(dataset, None, device="cpu", told={}), dataset, store=store
    )
    # Texts of the methods come from the model; what the suite asks is in the file.
    whole.__dict__["encode"] = TextEncoder(load_model(str(folder / plan.name / "model")), store)
    return whole


def measured(folder: Path, number: int, suite: Path, *, placebos: int) -> Iterator[dict[str, Any]]:
    """One row per method of a repetition: the planted gap before and after, accuracy, leakage, the effect."""
    own = embedded(folder, Trained("planted", number), suite)
    study = MitigationStudy(embedded=own, attribute="tone", words=WORDS)
    for name in [*METHODS, *ANSWERS]:
        study.add(name)
    tables = study.tables()
    for row in tables["cost"].to_dict("records"):
        gaps = tables["mitigation"][tables["mitigation"]["method"] == row["method"]]
        if len(gaps):
            yield _row(row["method"], gaps, row)
    for variant in VARIANTS:
        other = Trained(variant, number)
        if variant == "planted" or not embeddings_of(folder, other).is_file():
            continue
        again = embedded(folder, other, suite)
        half = again.half(fit=False)
        pair = Pair.of(study.before, Answered.of(again.ask(half)))
        leak = (study.leakage_before, study._leakage(half.embeddings))
        yield _compared(variant, pair, study, leak) | {"effect": NOT_JUDGED}
    rng = np.random.default_rng(number)
    for _ in range(placebos):
        changed = own.changed(study.measured, _placebo(study, rng))
        pair = Pair.of(study.before, Answered.of(own.ask(changed)))
        yield _compared(PLACEBO, pair, study, None)


def over_runs(folder: Path, numbers: Sequence[int], suite: Path) -> pd.DataFrame:
    """The planted gap of each other training over all repetitions: rows of `retrained_rows`."""
    answers: dict[str, list[Answered]] = {}
    for variant in VARIANTS:
        for number in numbers:
            own = embedded(folder, Trained(variant, number), suite)
            half = own.half(fit=False)
            # Gaps and rates are read of the first planted model alone.
            whole = not answers
            answered = answered_before(own, half) if whole else Answered.of(own.ask(half))
            answers.setdefault(variant, []).append(answered)
    planted = answers.pop("planted")
    tables = [retrained_rows(name, planted, own) for name, own in answers.items()]
    table = pd.concat(tables, ignore_index=True)
    return table[(table["by"] == "rare") & (table["group"] == "rare")]


def _placebo(study: MitigationStudy, rng: np.random.Generator) -> Mitigation:
    half = study.embedded.half(fit=True)
    drawings = half.clusters.factorize()[0]
    codes = rng.integers(0, 2, drawings.max() + 1)[drawings]
    matrix, offset = leace(half.embeddings.astype(float), np.eye(2)[codes])
    return Mitigation(method=PLACEBO, attribute="tone", image=Map(matrix=matrix, offset=offset))


def _compared(name: str, pair: Pair, study: MitigationStudy, leak: Any) -> dict[str, Any]:
    gaps = gap_rows(name, pair)
    row = cost_row(
        name, gaps, attribute="rare", leakage=leak, chance=0.5, clusters=study.clusters,
        utility=correctness(pair),
    )  # fmt: skip
    return _row(name, gaps, row)


def _row(name: str, gaps: pd.DataFrame, cost: dict[Any, Any]) -> dict[str, Any]:
    planted = gaps[(gaps["by"] == "rare") & (gaps["group"] == "rare")].iloc[0]
    return {
        "method": name, "before": planted["before"], "after": planted["after"], "effect": planted["effect"],
        "wider": int((gaps["effect"] == "wider").sum()), "accuracy_before": cost["utility_before"],
        "accuracy": cost["utility_after"], "leakage": cost.get("leakage_after", np.nan),
    }  # fmt: skip


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """A row per method: means over repetitions, and Student's interval of the change over repetitions."""
    found = []
    for name, own in rows.groupby("method", sort=False):
        change = (own["after"] - own["before"]).to_numpy()
        half = (
            stats.t.ppf(0.975, max(len(own) - 1, 1)) * change.std(ddof=1) / np.sqrt(len(own))
            if len(own) > 1
            else np.nan
        )
        quiet = int((own["effect"] == "not shown").sum())
        low, high = clopper_pearson(quiet, len(own))
        found.append(
            {
                "method": name, "n": len(own), "gap before": 100 * own["before"].mean(),
                "gap after": 100 * own["after"].mean(), "change": 100 * change.mean(),
                "low": 100 * (change.mean() - half), "high": 100 * (change.mean() + half),
                "narrower": int((own["effect"] == "narrower").sum()), "no change": quiet,
                "no change, 95 %": f"{100 * float(low):.0f} to {100 * float(high):.0f} %",
                "other gaps wider": own["wider"].mean(),
                "accuracy change": 100 * (own["accuracy"] - own["accuracy_before"]).mean(),
                "leakage": 100 * own["leakage"].mean(),
            }
        )  # fmt: skip
    return pd.DataFrame(found)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=Path("build/planted-mitigations"))
    parser.add_argument("--repetitions", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--placebos", type=int, default=25)
    told = parser.parse_args(arguments)
    missing = train_missing(told.folder, repetitions=told.repetitions, seconds=told.seconds)
    if missing:
        print(f"{missing} models are still to be trained: run the same command again", file=sys.stderr)
    suite = told.folder / "planted.yaml"
    suite.write_text(SUITE, encoding="utf-8")
    rows = []
    for number in range(told.repetitions):
        if not embeddings_of(told.folder, Trained("planted", number)).is_file():
            continue
        kept = told.folder / f"measured-{number}.parquet"
        if kept.is_file():
            rows.append(pd.read_parquet(kept))
            continue
        table = pd.DataFrame(measured(told.folder, number, suite, placebos=told.placebos))
        if _complete(told.folder, number):  # of a repetition that lacks models nothing is kept
            table.to_parquet(kept, index=False)
        rows.append(table)
    table = summary(pd.concat(rows, ignore_index=True))
    print(table.round(1).to_string(index=False))
    if numbers := [n for n in range(told.repetitions) if _complete(told.folder, n)]:
        judged = over_runs(told.folder, numbers, suite)
        points = judged.assign(**{name: 100 * judged[name] for name in SHOWN[:5]})
        print("\nTrained otherwise, judged over training runs:")
        print(points[["method", *SHOWN]].round(PLACES).to_string(index=False))


def _complete(folder: Path, number: int) -> bool:
    return all(embeddings_of(folder, Trained(variant, number)).is_file() for variant in VARIANTS)


if __name__ == "__main__":
    main()
