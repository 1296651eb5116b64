"""What `clip-audit probe check` says a run costs, against what the run then takes.

    python -m benchmarks.cost_estimates [--only small scores]

Every suite runs in a process of its own, with an empty store of embeddings. Processor seconds are compared,
which depend little on what else the machine does, and the most memory that the process held.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from benchmarks.recorded_lines import record
from probes.datasets import load_dataset
from probes.planning.audit_plan import plan
from probes.planning.cost import Cost, estimate
from probes.rules.rule_registry import CURVE, PREDICTION
from probes.suite.suite import Suite, load_suite

HEADER = (
    "suite", "images", "prompts", "specifications", "rates", "curve points", "said, s", "taken, s", "ratio",
    "said, GB", "taken, GB", "ratio of memory",
)  # fmt: skip
PEOPLE = {"man": {"gender": "man"}, "woman": {"gender": "woman"}}


def own_suite(
    data: str, *, n_templates: int, thresholds: list[float], curve: int, groups: list[list[str]]
) -> str:
    """A suite on gender with as many specifications as are wanted."""
    templates = {f"t{i}": [f"photo {i} of {{a}} {{label}}"] for i in range(n_templates)}
    rules = [PREDICTION.name, CURVE.name] if thresholds else [PREDICTION.name]
    where = {"category": "person", "gender": ["man", "woman"]} if data == "emoji" else {}
    identity = [{"name": name, "is": truth} for name, truth in PEOPLE.items()]
    probe = {
        "name": "gender", "truth": "gender", "label_set": "own", "templates": list(templates), "rules": rules,
        "groups": groups, "outcomes": {"misclassified": {}}, "where": where,
    }  # fmt: skip
    values = {
        "suite": "cost", "data": data, "thresholds": thresholds, "curve": curve, "templates": templates,
        "label_sets": {"own": {"sets": {"identity": identity}}}, "probes": [probe],
    }  # fmt: skip
    return yaml.safe_dump(values, sort_keys=False)


def scored_people(file: Path, n: int, *, n_groups: int) -> None:
    """A table of scores of random people."""
    rng = np.random.default_rng(0)
    gender = rng.choice(["man", "woman"], n)
    man = np.clip(rng.normal(np.where(gender == "man", 0.7, 0.3), 0.2), 0, 1).round(4)
    table = {
        "path": [f"{i}.jpg" for i in range(n)], "gender": gender,
        "race": rng.choice([f"race {i}" for i in range(n_groups)], n),
        "age": rng.choice(["young", "middle", "old"], n), "score_man": man, "score_woman": (1 - man).round(4),
    }  # fmt: skip
    pd.DataFrame(table).to_csv(file, index=False)


def _small(folder: Path) -> tuple[str, str]:
    scored_people(folder / "small.csv", 60, n_groups=3)
    text = own_suite("table:small.csv", n_templates=1, thresholds=[], curve=2, groups=[["race"]])
    return text, f"predictions:{folder / 'small.csv'}"


def _scores(folder: Path) -> tuple[str, str]:
    scored_people(folder / "scores.csv", 20_000, n_groups=7)
    groups = [["race"], ["age"], ["race", "age"]]
    text = own_suite("table:scores.csv", n_templates=1, thresholds=[0.2, 0.5, 0.8], curve=101, groups=groups)
    return text, f"predictions:{folder / 'scores.csv'}"


def _templates(folder: Path) -> tuple[str, str]:
    groups = [["skin_tone"], ["gender"], ["gender", "skin_tone"]]
    return own_suite("emoji", n_templates=12, thresholds=[0.3, 0.6], curve=51, groups=groups), "emoji"


def _wide_scores(folder: Path) -> tuple[str, str]:
    scored_people(folder / "wide.csv", 3_000, n_groups=12)
    groups = [["race"], ["age"], ["gender"], ["race", "gender"]]
    text = own_suite(
        "table:wide.csv", n_templates=1, thresholds=[0.4, 0.5, 0.6, 0.7], curve=21, groups=groups
    )
    return text, f"predictions:{folder / 'wide.csv'}"


def _many_rows(folder: Path) -> tuple[str, str]:
    scored_people(folder / "rows.csv", 120_000, n_groups=4)
    text = own_suite("table:rows.csv", n_templates=1, thresholds=[0.5], curve=11, groups=[["race"]])
    return text, f"predictions:{folder / 'rows.csv'}"


def _one_template(folder: Path) -> tuple[str, str]:
    return own_suite("emoji", n_templates=1, thresholds=[], curve=2, groups=[["skin_tone"]]), "emoji"


def _four_templates(folder: Path) -> tuple[str, str]:
    groups = [["skin_tone"], ["gender", "skin_tone"]]
    return own_suite("emoji", n_templates=4, thresholds=[0.5], curve=201, groups=groups), "emoji"


def _many_templates(folder: Path) -> tuple[str, str]:
    return own_suite("emoji", n_templates=40, thresholds=[], curve=2, groups=[["skin_tone"]]), "emoji"


def _vectors(folder: Path) -> tuple[str, str]:
    """Embeddings of 8,000 people, with those of three templates' prompts."""
    rng, n, dim = np.random.default_rng(0), 8_000, 64
    gender = rng.choice(["man", "woman"], n)
    words = [f"photo {i} of a {name}" for i in range(3) for name in PEOPLE]
    text = rng.normal(size=(len(words), dim)).astype(np.float32)
    image = text[(gender == "woman").astype(int)] + rng.normal(size=(n, dim)).astype(np.float32)
    np.savez(
        folder / "e.npz", image=image, text=text, text_name=np.array(words), gender=gender,
        race=rng.choice([f"race {i}" for i in range(5)], n),
    )  # fmt: skip
    data = f"embeddings:{folder / 'e.npz'}"
    return own_suite("e", n_templates=3, thresholds=[0.5], curve=51, groups=[["race"], ["gender"]]), data


def _long_curve(folder: Path) -> tuple[str, str]:
    """A curve of as many points as a suite can ask for."""
    scored_people(folder / "curve.csv", 60, n_groups=5)
    groups = [["race"], ["gender"], ["race", "gender"]]
    text = own_suite("table:curve.csv", n_templates=2, thresholds=[0.5], curve=10_001, groups=groups)
    return text, f"predictions:{folder / 'curve.csv'}"


SUITES: dict[str, Callable[[Path], tuple[str, str]]] = {
    "small": _small,
    "scores": _scores,
    "templates": _templates,
    "quickstart": lambda folder: ("quickstart", "emoji"),
    # The estimates were not fitted to these.
    "wide scores": _wide_scores,
    "many rows": _many_rows,
    "one template": _one_template,
    "four templates": _four_templates,
    "many templates": _many_templates,
    "vectors": _vectors,
    "long curve": _long_curve,
    "languages": lambda folder: ("languages", "emoji"),
}


def measured(suite: str, data: str, folder: Path) -> tuple[float, float]:
    """Processor seconds and GB of a run with nothing stored."""
    arguments = ["run", suite, "--data", data, "--out", str(folder / "out"), "--cache", str(folder / "cache")]
    process = subprocess.Popen(
        [sys.executable, "-m", "audit.cli", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"the run of {suite} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / (1 << 20)


def predicted(suite: Suite, data: str) -> Cost:
    """What `probe check` says."""
    return estimate(plan(suite, load_dataset(data)))


def compared(name: str, folder: Path) -> tuple[str, ...]:
    """The line of one suite."""
    text, data = SUITES[name](folder)
    suite = text if text == name else str(folder / "suite.yaml")
    if suite != name:
        Path(suite).write_text(text, encoding="utf-8")
    cost = predicted(load_suite(suite), data)
    seconds, gigabytes = measured(suite, data, folder)
    said = cost.peak_bytes / (1 << 30)
    counts = (cost.images, cost.prompts, cost.specifications, cost.rates, cost.curve_points)
    return (
        name, *(f"{n:,}" for n in counts), f"{cost.seconds:.1f}", f"{seconds:.1f}",
        f"{cost.seconds / seconds:.2f}", f"{said:.2f}", f"{gigabytes:.2f}", f"{said / gigabytes:.2f}",
    )  # fmt: skip


def main() -> None:
    """Print and write a line per suite."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=list(SUITES), help="these suites")
    for name in parser.parse_args().only or SUITES:
        with tempfile.TemporaryDirectory() as folder:
            line = compared(name, Path(folder))
        print("; ".join(f"{key} {value}" for key, value in zip(HEADER, line, strict=True)), flush=True)
        record(line, header=HEADER, name="cost_estimates", title="What a run costs, said and taken")


if __name__ == "__main__":
    main()
