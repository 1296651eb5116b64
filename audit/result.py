"""The result of an audit: tidy frames, made from records, written to and read from a folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import pandas as pd

from audit.conclusions.confirmation import CONFIRMATION_COLUMNS, with_confirmation
from audit.conclusions.findings import findings_among, with_omnibus
from audit.conclusions.gates import gate_table, overall_verdict
from audit.json_tables import dump, read_json
from audit.tables.between_group_variation import variation_table
from audit.tables.composition import composition_table
from audit.tables.context import TableContext
from audit.tables.controlled_gaps import controlled_table
from audit.tables.group_counts import SPECIFICATION
from audit.tables.paired_changes import TABLE, paired_table
from audit.tables.rates import accuracy_table, gap_table, rate_table
from audit.tables.specification_curves import GAP, INTEGERS, SPECIFICATION_COLUMNS, specification_table
from audit.tables.threshold_bands import with_bands
from clipmodel.atomic_files import replace_folder
from clipmodel.errors import UserError
from probes.records import KEYS, SCHEMA_VERSION, Records, empty_counts, empty_table, validate

AUDIT_FILE, RUN_FILE, REPORT_FILE = "audit.json", "run.json", "report.html"
JSON_TABLES = (
    "accuracy", "rates", "gaps", "composition", "variation", "controlled", "specifications", "paired",
    "findings",     "excluded", "gates", "measures",
)  # fmt: skip
OPTIONAL_TABLES = ("counts", "curves", "images", "pairs", "clusters", "outcomes", "confirmation")
TABLES = (*JSON_TABLES, *OPTIONAL_TABLES)
PARQUET_ONLY = {"outcomes"}
"""One row an image and outcome: as CSV it would be many times larger than everything else."""
INTEGER_COLUMNS = {
    "n", "count", "n_group", "n_reference", "contrasts", "holds_in", "wrong_labels", "n_events", "groups",
    "strata", *TABLE, *INTEGERS,
}  # fmt: skip
FLOAT_COLUMNS = {
    "threshold", "rate", "low", "high", "balanced", "rate_group", "rate_reference", "difference",
    "difference_low", "difference_high", "ratio", "ratio_low", "ratio_high", "p", "p_adjusted",
    "omnibus_p_adjusted", "smallest_detectable", "margin", "confidence", "k", "value", "wrong_truths",
    "shrunk", "design_effect", "share_of_events", "share_of_images", "representation", "lowest_rate",
    "highest_rate", "sd_observed", "sd", "sd_low", "sd_high", "share_compared", "raw_difference",
    "standardised", "standardised_low", "standardised_high",
    "band_low", "band_high", "rate_first", "rate_second", "change", "all_ways_p", *CONFIRMATION_COLUMNS[1:],
    *(set(SPECIFICATION_COLUMNS) - {*INTEGERS, *GAP, "note"}),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class AuditResult:
    """What an audit concluded.

    Attributes
    ----------
    manifest
        What was asked of which model on which data.
    accuracy, rates, gaps
        See `audit.tables.rates`; the gaps also hold the adjusted p of the omnibus test of their family.
    composition, variation, controlled
        P(group | outcome), the spread over groups, and gaps at equal make-up: see `audit.tables.composition`,
        `audit.tables.between_group_variation` and `audit.tables.controlled_gaps`.
    specifications
        How each gap moves over the ways of asking: see `audit.tables.specification_curves`.
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
    images
        One row an image, where it was asked for.
    measures, pairs, clusters
        See `probes.records.Records`; pairs and clusters are None where there are none.
    outcomes
        What happened to each image in every way of asking; see `Records.outcomes`.
    confirmation
        Counts of the images kept apart to confirm findings; see `audit.conclusions.confirmation`.
    """

    manifest: dict[str, Any]
    accuracy: pd.DataFrame
    rates: pd.DataFrame
    gaps: pd.DataFrame
    composition: pd.DataFrame
    variation: pd.DataFrame
    controlled: pd.DataFrame
    specifications: pd.DataFrame
    paired: pd.DataFrame
    findings: pd.DataFrame
    excluded: pd.DataFrame
    gates: pd.DataFrame
    verdict: str
    curves: pd.DataFrame
    counts: pd.DataFrame
    measures: pd.DataFrame
    images: pd.DataFrame | None = None
    pairs: pd.DataFrame | None = None
    clusters: pd.DataFrame | None = None
    outcomes: pd.DataFrame | None = None
    confirmation: pd.DataFrame | None = None

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
        manifest = json.loads(json.dumps(records.manifest, sort_keys=True, allow_nan=False))
        attributes = records.attributes
        context = TableContext.of_records(records, manifest)
        gaps = with_omnibus(context, gap_table(context))
        rates, accuracy = rate_table(context), accuracy_table(context)
        gates = gate_table(gaps, manifest.get("gates") or (), rates=rates, accuracy=accuracy)
        return cls(
            manifest=manifest,
            accuracy=accuracy,
            rates=rates,
            gaps=gaps,
            composition=composition_table(context),
            variation=variation_table(context),
            controlled=controlled_table(context),
            paired=paired_table(context),
            specifications=specification_table(context, gaps),
            findings=with_confirmation(context, findings_among(context, gaps), records.confirmation),
            excluded=_with_dtypes(records.excluded),
            gates=gates,
            verdict=overall_verdict(gates),
            curves=with_bands(
                rate_table(context.of_counts(records.curves, clusters=records.clusters)), seed=context.seed
            ),
            counts=_with_dtypes(records.counts),
            measures=_with_dtypes(
                empty_table("measures", attributes) if records.measures is None else records.measures
            ),
            **{
                name: None if table is None else _without_categories(table)
                for name in ("images", "pairs", "clusters", "outcomes", "confirmation")
                for table in [getattr(records, name)]
            },
        )

    @classmethod
    def read(cls, folder: str | Path) -> Self:
        """Read an audit from its folder.

        Everything but counts, curves, images and outcomes comes from audit.json: that file alone is enough.

        Raises
        ------
        UserError
            There is no audit.json, it is damaged, or of another schema version.
        """
        path = Path(folder) / AUDIT_FILE
        if not path.is_file():
            raise UserError(f"{folder}: no {AUDIT_FILE}", remedy="give the folder that clip-audit run wrote")
        document = read_json(path)
        _check_version(path, document)
        try:
            tables = {name: _table(document["columns"][name], document[name]) for name in JSON_TABLES}
            manifest, verdict = document["manifest"], str(document["verdict"])
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{path}: damaged, {error!r}", remedy="run the audit again") from error
        optional = {name: _read_optional(Path(folder) / f"{name}.parquet") for name in OPTIONAL_TABLES}
        if optional["counts"] is None:
            optional["counts"] = empty_counts(_attributes(tables["rates"]))
        if optional["curves"] is None:
            optional["curves"] = with_bands(tables["rates"].iloc[:0], seed=0)
        everything: dict[str, Any] = {**tables, **optional}
        return cls(manifest=manifest, verdict=verdict, **everything)

    @property
    def n_specifications(self) -> int:
        """Ways of asking that were looked at: probe x design x template x rule x threshold."""
        return len(self.rates[list(KEYS)].drop_duplicates())

    def judge(self, gates: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
        """Judge gates, those of its own suite or any others: see `conclusions.gates.gate_table`."""
        return gate_table(self.gaps, gates, rates=self.rates, accuracy=self.accuracy)

    def to_json(self) -> str:
        """The text of audit.json: the same bytes from the same records."""
        tables = {name: getattr(self, name) for name in JSON_TABLES}
        document = {
            "schema_version": SCHEMA_VERSION,
            "manifest": self.manifest,
            "verdict": self.verdict,
            "n_specifications": self.n_specifications,
            "columns": {name: list(table.columns) for name, table in tables.items()},
        }
        return dump(document, tables)

    def write(
        self,
        folder: str | Path,
        *,
        report: Callable[[AuditResult], str] | None = None,
        run_info: Mapping[str, Any] | None = None,
    ) -> Path:
        """Write audit.json and the tables as parquet and CSV; whole, or not at all.

        Files of an earlier audit in the folder are replaced, all others are kept.

        Parameters
        ----------
        report
            Renders report.html; left out, no report is written.
        run_info
            Command, time and machine, for run.json: what differs between two runs of the same suite.

        Raises
        ------
        UserError
            The folder cannot be written.
        """

        def fill(content: Path) -> None:
            (content / AUDIT_FILE).write_text(self.to_json(), encoding="utf-8")
            for name, table in self._present_tables().items():
                table.to_parquet(content / f"{name}.parquet", index=False)
                if name in PARQUET_ONLY:
                    continue
                table.to_csv(content / f"{name}.csv", index=False, lineterminator="\n")
            if run_info is not None:
                (content / RUN_FILE).write_text(dump(run_info, {}), encoding="utf-8")
            if report is not None:
                (content / REPORT_FILE).write_text(report(self), encoding="utf-8")

        replace_folder(Path(folder), fill, owned=_is_ours)
        return Path(folder)

    def __eq__(self, other: object) -> bool:
        """Equal manifests, verdicts and tables; NaN equals NaN."""
        if not isinstance(other, AuditResult):
            return NotImplemented
        pairs = [(getattr(self, field.name), getattr(other, field.name)) for field in fields(self)]
        return all(_equal(mine, theirs) for mine, theirs in pairs)

    __hash__ = None  # type: ignore[assignment]

    def _present_tables(self) -> dict[str, pd.DataFrame]:
        tables = {name: getattr(self, name) for name in TABLES}
        return {name: table for name, table in tables.items() if table is not None}


def _check_version(path: Path, document: Mapping[str, Any]) -> None:
    version = document.get("schema_version")
    if version != SCHEMA_VERSION:
        raise UserError(
            f"{path}: schema version {version!r}, this program reads {SCHEMA_VERSION}",
            remedy="run the audit again with this version",
        )


def _table(columns: list[str], rows: list[dict[str, Any]]) -> pd.DataFrame:
    for row in rows:
        if missing := set(columns) - set(row):
            raise ValueError(f"a row lacks {sorted(missing)}")
    return _with_dtypes(pd.DataFrame(rows, columns=columns))


def _with_dtypes(table: pd.DataFrame) -> pd.DataFrame:
    dtypes = {
        name: "int64" if name in INTEGER_COLUMNS else "float64" if name in FLOAT_COLUMNS else "str"
        for name in table.columns
    }
    return table.astype(dtypes).reset_index(drop=True)


def _without_categories(table: pd.DataFrame) -> pd.DataFrame:
    categories = table.select_dtypes("category").columns
    return table.astype(dict.fromkeys(categories, "str")).reset_index(drop=True)


def _read_optional(path: Path) -> pd.DataFrame | None:
    try:
        return pd.read_parquet(path) if path.is_file() else None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: damaged, {error}", remedy="run the audit again") from error


def _attributes(rates: pd.DataFrame) -> list[str]:
    fixed = {*SPECIFICATION, *INTEGER_COLUMNS, *FLOAT_COLUMNS, "note"}
    return [name for name in rates.columns if name not in fixed]


def _is_ours(name: str) -> bool:
    tables = {f"{table}.{suffix}" for table in TABLES for suffix in ("parquet", "csv")}
    return name in {AUDIT_FILE, RUN_FILE, REPORT_FILE} | tables


def _equal(mine: object, theirs: object) -> bool:
    if isinstance(mine, pd.DataFrame) and isinstance(theirs, pd.DataFrame):
        return mine.equals(theirs)
    return type(mine) is type(theirs) and bool(mine == theirs)
