"""The result of an audit: tidy frames, made from records, written to and read from a folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import pandas as pd

from audit.conclusions.confirmation import with_confirmation
from audit.conclusions.error_control import with_error_control
from audit.conclusions.findings import findings_among
from audit.conclusions.gates import gate_table, overall_verdict
from audit.notebook_display import summary_html
from audit.result_files import (
    ADDED_TABLES,
    JSON_TABLES,
    OPTIONAL_TABLES,
    TABLES,
    attribute_columns,
    audit_text,
    conform,
    empty_records_table,
    read_folder,
    without_categories,
    write_folder,
)
from audit.second_process import shared_jobs
from audit.tables.annotators import annotator_table
from audit.tables.between_group_variation import variation_table
from audit.tables.composition import composition_table
from audit.tables.context import TableContext, min_clusters
from audit.tables.controlled_gaps import controlled_table
from audit.tables.long_frames import long_frame
from audit.tables.measures import measures_table
from audit.tables.paired_changes import paired_table
from audit.tables.prompt_effects import prompt_effect_table
from audit.tables.rates import accuracy_table, gap_table, rate_table
from audit.tables.specification_curves import (
    joined_specifications,
    specification_parts,
    specification_rows,
)
from audit.tables.threshold_bands import with_bands
from audit.tables.trends import trend_tables
from probes.records import KEYS, SCHEMAS, Manifest, Records, validate

if TYPE_CHECKING:
    from audit.figures.notebook_plots import Plots

CURVES: Final = "specification curves, "
"""What the names of the jobs begin with that make parts of one table."""


@dataclass(frozen=True, kw_only=True, eq=False)
class AuditResult:
    """What an audit concluded.

    Attributes
    ----------
    manifest
        What was asked of which model on which data.
    accuracy, rates, gaps
        See `audit.tables.rates`; the gaps also hold what `audit.conclusions.error_control` says
        of all of them together.
    composition, variation, controlled
        P(group | outcome), the spread over groups, and adjusted gaps: see `audit.tables.composition`,
        `audit.tables.between_group_variation` and `audit.tables.controlled_gaps`.
    specifications
        How each gap moves over the specifications: see `audit.tables.specification_curves`.
    prompt_effects
        Rates and gaps with the interval for another prompt: see `audit.tables.prompt_effects`.
    trends, trend_curves
        How rates move along attributes that have an order: see `audit.tables.trends`.
    paired
        What another class design or template changes, image by image: see `audit.tables.paired_changes`.
    findings, gates, verdict
        See `audit.conclusions.findings` and `audit.conclusions.gates`.
    excluded
        Images left out, with the reason.
    curves
        Rates at every threshold of the curve; columns of `rates`, and simultaneous bands
        (`tables.threshold_bands`).
    counts
        The counts that everything derives from; empty where the folder that was read holds none.
    annotators
        Gaps with the disagreement of annotators in their intervals: see `audit.tables.annotators`; without
        rows unless several people annotated a group attribute.
    standard
        Accuracy of the same weights on evaluation sets: see `audit.evaluation.standard_accuracy`; without
        rows unless it was asked for.
    images
        One row per image, where it was asked for.
    measures
        Estimates of the non-classification probes: see `audit.tables.measures`.
    scalars
        What they are computed from, one row per image and item; see `Records.scalars`.
    pairs, clusters, moments, confirmation_clusters, confirmation_moments
        See `probes.records.Records`; pairs and clusters are None where there are none.
    outcomes
        What happened to each image in every specification; see `Records.outcomes`.
    confirmation
        Counts of the held-out images to confirm findings; see `audit.conclusions.confirmation`.
    """

    manifest: Manifest
    accuracy: pd.DataFrame
    rates: pd.DataFrame
    gaps: pd.DataFrame
    composition: pd.DataFrame
    variation: pd.DataFrame
    controlled: pd.DataFrame
    specifications: pd.DataFrame
    prompt_effects: pd.DataFrame
    trends: pd.DataFrame
    trend_curves: pd.DataFrame
    paired: pd.DataFrame
    findings: pd.DataFrame
    excluded: pd.DataFrame
    gates: pd.DataFrame
    verdict: str
    curves: pd.DataFrame
    counts: pd.DataFrame
    measures: pd.DataFrame
    annotators: pd.DataFrame = field(default_factory=SCHEMAS["annotators"].empty)
    standard: pd.DataFrame = field(default_factory=SCHEMAS["standard"].empty)
    images: pd.DataFrame | None = None
    pairs: pd.DataFrame | None = None
    clusters: pd.DataFrame | None = None
    outcomes: pd.DataFrame | None = None
    confirmation: pd.DataFrame | None = None
    scalars: pd.DataFrame | None = None
    moments: pd.DataFrame | None = None
    confirmation_clusters: pd.DataFrame | None = None
    confirmation_moments: pd.DataFrame | None = None

    @classmethod
    def from_records(cls, records: Records) -> Self:
        """Conclude from the counts of a run.

        Raises
        ------
        ValueError
            The records break their contract (`probes.records.validate`).
        """
        validate(records)
        # Through JSON, so that a result in memory equals the one read back, the order of keys included.
        manifest: Manifest = json.loads(json.dumps(records.manifest, sort_keys=True, allow_nan=False))
        context = TableContext.of_records(records, manifest)
        # What only needs counts is begun by another process, if there is one; gaps are made meanwhile.
        jobs = _jobs_of_counts(context, records, manifest)
        with shared_jobs(jobs, later=partial(_jobs_of_gaps, context, records)) as results:
            # Adjusted before anything reads them: findings, specification curves and gates all need the
            # adjusted p-values.
            gaps = with_error_control(context, gap_table(context))
            made = results(gaps)
        curves = [row for name in list(made) if name.startswith(CURVES) for row in made.pop(name)]
        tables = {
            "counts": records.counts, "excluded": records.excluded, "gaps": gaps,
            "specifications": joined_specifications(gaps, curves),
            **{name: table for found in made.values() for name, table in found.items()},
        }  # fmt: skip
        tables["gates"] = gate_table(
            tables["gaps"], _gates_by_column(manifest.get("gates", []), manifest), rates=tables["rates"],
            accuracy=tables["accuracy"], min_clusters=context.min_clusters,
        )  # fmt: skip
        whole = {name: conform(name, table, manifest) for name, table in tables.items()}
        kept: dict[str, Any] = {
            name: None if table is None else without_categories(table)
            for name in OPTIONAL_TABLES[2:-1]
            for table in [getattr(records, name)]
        }
        whole["annotators"] = conform("annotators", annotator_table(context, records.annotations), manifest)
        kept["scalars"] = None if records.scalars is None else records.scalars.reset_index(drop=True)
        return cls(manifest=manifest, verdict=overall_verdict(tables["gates"]), **whole, **kept)

    @classmethod
    def read(cls, folder: str | Path) -> Self:
        """Read an audit from its folder.

        Everything but counts, curves, images and outcomes comes from audit.json: that file alone is enough.

        Raises
        ------
        UserError
            There is no audit.json, it is damaged, or of another schema version.
        """
        manifest, verdict, tables = read_folder(Path(folder))
        if tables["counts"] is None:
            tables["counts"] = empty_records_table("counts", manifest)
        if tables["curves"] is None:
            tables["curves"] = SCHEMAS["curves"].empty(attribute_columns(manifest))
        everything: dict[str, Any] = dict(tables)
        return cls(manifest=manifest, verdict=verdict, **everything)

    @property
    def n_specifications(self) -> int:
        """Specifications that were looked at: probe x design x template x rule x threshold."""
        return len(self.rates[list(KEYS)].drop_duplicates())

    @property
    def plot(self) -> Plots:
        """Figures on axes of one's own: `plot.rates(ax=)`, `.gaps`, `.thresholds`, `.specifications`."""
        from audit.figures.notebook_plots import Plots

        return Plots(self.manifest, {name: getattr(self, name) for name in ("rates", "gaps", "curves")})

    def long(self, table: str = "rates") -> pd.DataFrame:
        """Return a table with columns `by` and `group`, as seaborn wants it: see `tables.long_frames`."""
        return long_frame(getattr(self, table))

    def _repr_html_(self) -> str:
        tables = {name: getattr(self, name) for name in ("accuracy", "findings", "excluded")}
        return summary_html(self.manifest, tables, verdict=self.verdict)

    def judge(self, gates: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
        """Judge gates, those of its own suite or any others: see `conclusions.gates.gate_table`."""
        own = _gates_by_column(gates, self.manifest)
        least = min_clusters(self.manifest)
        return gate_table(self.gaps, own, rates=self.rates, accuracy=self.accuracy, min_clusters=least)

    def to_json(self) -> str:
        """The text of audit.json: the same bytes from the same records."""
        tables = {name: getattr(self, name) for name in (*JSON_TABLES, *ADDED_TABLES)}
        return audit_text(self.manifest, tables, verdict=self.verdict, n_specifications=self.n_specifications)

    def write(
        self,
        folder: str | Path,
        *,
        report: Callable[[AuditResult], str] | None = None,
        run_info: Mapping[str, Any] | None = None,
        safe_csv: bool = True,
    ) -> Path:
        """Write audit.json and the tables as parquet and CSV; whole, or not at all.

        Files of an earlier audit in the folder are replaced, all others are kept.

        Parameters
        ----------
        report
            Renders report.html; left out, no report is written.
        run_info
            Command, time and machine, for run.json: what differs between two runs of the same suite.
        safe_csv
            Mark the words in CSV files that a spreadsheet would run (`audit.csv_cells`).

        Raises
        ------
        UserError
            The folder cannot be written.
        """
        tables = {name: getattr(self, name) for name in TABLES}
        present = {
            name: table
            for name, table in tables.items()
            if table is not None and (len(table) or name not in ADDED_TABLES)
        }
        page = None if report is None else report(self)
        write_folder(Path(folder), self.to_json(), present, report=page, run_info=run_info, safe_csv=safe_csv)
        return Path(folder)

    def __eq__(self, other: object) -> bool:
        """Equal manifests, verdicts and tables; NaN equals NaN."""
        if not isinstance(other, AuditResult):
            return NotImplemented
        pairs = [(getattr(self, one.name), getattr(other, one.name)) for one in fields(self)]
        return all(_equal(mine, theirs) for mine, theirs in pairs)

    # Frames can change, so a result is no key of a dictionary.
    __hash__ = None  # type: ignore[assignment]


def _jobs_of_gaps(
    context: TableContext, records: Records, gaps: pd.DataFrame
) -> dict[str, Callable[[], Any]]:
    """What makes the tables that need the gaps; the slowest come first."""

    def findings() -> dict[str, pd.DataFrame]:
        held_out = context.clusters_of(records.confirmation_clusters, records.confirmation_moments)
        found = findings_among(context, gaps)
        return {"findings": with_confirmation(context, found, records.confirmation, clusters=held_out)}

    return {
        **{
            f"{CURVES}{number}": partial(specification_rows, context, part)
            for number, part in enumerate(specification_parts(gaps))
        },
        "prompt_effects": lambda: {"prompt_effects": prompt_effect_table(context, gaps)},
        "findings": findings,
    }


def _jobs_of_counts(
    context: TableContext, records: Records, manifest: Manifest
) -> dict[str, Callable[[], Any]]:
    """What makes the tables that need no gaps, independently of each other; the slowest come first."""

    def curves() -> dict[str, pd.DataFrame]:
        # Not pooled: the hierarchical model would be fitted at each of the hundreds of thresholds.
        own = context.of_counts(records.curves, clusters=context.clusters)
        return {"curves": with_bands(rate_table(own, pooled=False), seed=context.seed)}

    def measures() -> dict[str, pd.DataFrame]:
        found = measures_table(records.estimands, records.scalars, manifest, context.attributes)
        return {"measures": found}

    return {
        "curves": curves,
        "measures": measures,
        "rates": lambda: {"rates": rate_table(context)},
        "accuracy": lambda: {"accuracy": accuracy_table(context)},
        "variation": lambda: {"variation": variation_table(context)},
        "trends": lambda: dict(zip(("trends", "trend_curves"), trend_tables(context), strict=True)),
        "paired": lambda: {"paired": paired_table(context)},
        "composition": lambda: {"composition": composition_table(context)},
        "controlled": lambda: {"controlled": controlled_table(context)},
    }


def _gates_by_column(gates: Sequence[Mapping[str, Any]], manifest: Manifest) -> list[dict[str, Any]]:
    """Gates name attributes as the suite does; the tables have their columns."""
    columns = {one["name"]: one["column"] for one in manifest["attributes"]}
    return [
        {**gate, "groups": [columns.get(name, name) for name in gate.get("groups") or ()]} for gate in gates
    ]


def _equal(mine: object, theirs: object) -> bool:
    if isinstance(mine, pd.DataFrame) and isinstance(theirs, pd.DataFrame):
        # A file does not tell the types of columns without a value.
        if not len(mine):
            return not len(theirs) and list(mine) == list(theirs)
        # `equals`, since `==` finds NaN unequal to NaN.
        return mine.equals(theirs)
    return type(mine) is type(theirs) and bool(mine == theirs)
