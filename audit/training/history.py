"""A training run as its folder holds it: the log, the measures taken on the way, and the audits.

An audit of a step is kept in OUT/audits/step-000100: audit.json, which `AuditResult.read` reads, its counts,
and the step and epoch.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pandas as pd

from audit import formatting as fmt
from audit.conclusions.findings import holds
from audit.json_tables import read_json
from audit.result import AuditResult
from audit.result_files import AUDIT_FILE
from audit.tables import primary
from clipmodel.atomic_files import replace_folder
from clipmodel.errors import UserError
from clipmodel.training.recording.recorders import LOG_FILE, MEASURES_FILE, TRAINING_FILE
from probes.records import Manifest

AUDITS, STEP_FILE = "audits", "step.json"
STEP_FILES = (STEP_FILE, "look.json")  # the second one of earlier versions
AUDIT_MEASURE = "audit "  # how the names of an audit's figures begin in measures.csv
STEP_FOLDER = "step-{step:06d}"
GAP_COLUMNS = (
    "probe", "outcome", "by", "group", "reference", "n_group", "n_reference",
    "difference", "difference_low", "difference_high", "p_adjusted",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingHistory:
    """What happened while a model was trained.

    Attributes
    ----------
    summary
        The recipe, seed, number of training images, what was thinned and what was skipped.
    log
        A row per step: step, loss, learning_rate, logit_scale, epoch, images_per_second, data_seconds.
    measures
        What was validated: step, epoch, measure, value, n. Without the audits' figures, which are in the next
        two.
    accuracy
        Of every audit, over all images: step, epoch, probe, n, rate, low, high. The first specification, like
        the gaps.
    gaps
        Of every audit: step, epoch, `GAP_COLUMNS`, and holds, whether the gap is a finding of that audit.
    manifest
        Of the last audit; None without audits.
    """

    summary: dict[str, Any]
    log: pd.DataFrame
    measures: pd.DataFrame
    accuracy: pd.DataFrame
    gaps: pd.DataFrame
    manifest: Manifest | None

    @classmethod
    def read(cls, folder: str | Path) -> Self:
        """Read the folder of a run, also of one that is still going on.

        Raises
        ------
        UserError
            It is not the folder of a run, or something in it is damaged.
        """
        path = Path(folder)
        if not is_training_folder(path):
            raise UserError(
                f"{folder}: no {TRAINING_FILE}", remedy="give the folder that clip-audit train wrote"
            )
        measures = _read_table(path / MEASURES_FILE)
        audits = [(_step_of(place), AuditResult.read(place)) for place in audits_in(path)]
        return cls(
            summary=read_json(path / TRAINING_FILE),
            log=_read_table(path / LOG_FILE),
            measures=measures[~measures["measure"].astype(str).str.startswith(AUDIT_MEASURE)].reset_index(
                drop=True
            ),
            accuracy=_stacked(audits, primary_accuracy, ["probe", "n", "rate", "low", "high"]),
            gaps=_stacked(audits, primary_gaps, [*GAP_COLUMNS, "holds"]),
            manifest=audits[-1][1].manifest if audits else None,
        )


def skipped_words(summary: Mapping[str, Any]) -> str:
    """What a run could not use, by reason; empty where its data were in memory, "none" where it could all.

    A sample counts at each visit.
    """
    skipped = summary.get("skipped")
    if skipped is None:
        return ""
    visited = skipped["read"] + sum(skipped["samples"].values())
    told = (
        ("samples", f"of {fmt.integer(visited)} samples visited"),
        ("shards", "of the shards"),
        ("rows", "of the table's rows, when it was opened"),
    )
    found = [
        f"{fmt.integer(sum(skipped[kind].values()))} {words} ({_by_reason(skipped[kind])})"
        for kind, words in told
        if skipped[kind]
    ]
    return "; ".join(found) or "none"


def _by_reason(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{reason}: {fmt.integer(number)}" for reason, number in reasons.items())


def is_training_folder(folder: Path) -> bool:
    """Whether a training run wrote a folder, rather than an audit."""
    return (folder / TRAINING_FILE).is_file() and not (folder / AUDIT_FILE).is_file()


def audits_in(out: Path) -> list[Path]:
    """Folders of the audits of a run, by step."""
    # Zero-padded step numbers sort as text, up to 999,999.
    return sorted(path.parent for name in STEP_FILES for path in (out / AUDITS).glob(f"step-*/{name}"))


def _step_of(folder: Path) -> dict[str, Any]:
    """The step and epoch of an audit of a run."""
    return read_json(next(folder / name for name in STEP_FILES if (folder / name).is_file()))


def write_audit(out: Path, result: AuditResult, *, step: int, epoch: float) -> Path:
    """Keep the audit of a step; one of the same step is replaced."""

    def fill(folder: Path) -> None:
        (folder / AUDIT_FILE).write_text(result.to_json(), encoding="utf-8")
        result.counts.to_parquet(folder / "counts.parquet", index=False)
        text = json.dumps({"step": step, "epoch": epoch})
        (folder / STEP_FILE).write_text(f"{text}\n", encoding="utf-8")

    folder = out / AUDITS / STEP_FOLDER.format(step=step)
    # The folder is the audit's alone, so whatever lies in it belongs to an earlier one.
    replace_folder(folder, fill, owned=lambda _: True)
    return folder


def drop_audits(out: Path, *, after: int) -> None:
    """Forget the audits of steps that will be done again."""
    for folder in audits_in(out):
        # A run that resumes goes back to its last saved state; later audits are of weights that no longer
        # exist.
        if _step_of(folder)["step"] > after:
            shutil.rmtree(folder)


def primary_accuracy(result: AuditResult) -> pd.DataFrame:
    """Accuracy over all images by the first specification: probe, n, rate, low, high."""
    names = primary.attribute_columns(result.manifest)
    overall = result.accuracy[(result.accuracy[names] == primary.ALL).all(axis=1)]
    return _primary(overall, result.manifest)[["probe", "n", "rate", "low", "high"]]


def primary_gaps(result: AuditResult) -> pd.DataFrame:
    """Gaps of people by the first specification, attribute by attribute: `GAP_COLUMNS` and holds."""
    gaps = result.gaps.assign(holds=holds(result.gaps))
    # Crossed groups are left out: small, and too many curves for a figure.
    alone = gaps[primary.of_people(gaps, result.manifest) & ~gaps["by"].str.contains(" x ", regex=False)]
    return _primary(alone, result.manifest)[[*GAP_COLUMNS, "holds"]]


def _primary(frame: pd.DataFrame, manifest: Manifest) -> pd.DataFrame:
    found = [(probe, primary.primary_specification(frame, probe=probe)) for probe in manifest["probes"]]
    shown = [primary.of_specification(frame, one) for _, one in found if one is not None]
    return pd.concat(shown) if shown else frame.iloc[:0]


def _stacked(
    audits: Sequence[tuple[Mapping[str, Any], AuditResult]],
    part: Callable[[AuditResult], pd.DataFrame],
    columns: Sequence[str],
) -> pd.DataFrame:
    frames = [part(result).assign(step=at["step"], epoch=at["epoch"]) for at, result in audits]
    if not frames:
        return pd.DataFrame(columns=["step", "epoch", *columns])
    return pd.concat(frames, ignore_index=True)[["step", "epoch", *columns]]


def _read_table(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}: cannot be read ({error})", remedy="run the training command again"
        ) from error
