"""`clip-audit mitigate`: methods fitted on half of the data, the suite asked before and after on the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit.commands.console import terminal
from audit.commands.console.model_options import MODEL_HELP, CacheOption, DeviceOption
from audit.commands.console.output_folder import check_output_folder
from audit.csv_cells import write_csv
from clipmodel.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.mitigation.mitigation_tables import Answered
    from probes.mitigation.answer_fitting import AnswerMethod
    from probes.mitigation.apply import Embedded
    from probes.mitigation.transform import Mitigation

EPILOG = (
    "Examples:  clip-audit mitigate quickstart --attribute gender --method leace --out runs/mitigated  ·  "
    "clip-audit mitigate my-suite.yaml --data embeddings:FILE --method all --out runs/mitigated"
)
TABLES = ("mitigation", "cost", "transfer")
FILES = (*(f"{name}.{suffix}" for name in TABLES for suffix in ("csv", "parquet")), "report.html")


def mitigate(
    suite: Annotated[str, typer.Argument(help="A shipped suite by name, or a YAML file.")],
    *,
    method: Annotated[
        list[str] | None,
        typer.Option("--method", help="A method, or all; may be repeated.", show_default="all"),
    ] = None,
    model: Annotated[str | None, typer.Option(help=MODEL_HELP, show_default="tiny")] = None,
    data: Annotated[
        str | None, typer.Option(metavar="KIND:PATH", help="The data set.", show_default="the suite's")
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(
            "--also",
            metavar="KIND:PATH",
            help="Other data that each fitted method is measured on as well.",
            show_default=False,
        ),
    ] = None,
    attribute: Annotated[
        str | None,
        typer.Option(help="The attribute whose gaps are to be lowered.", show_default="the suite's first"),
    ] = None,
    words: Annotated[
        str | None,
        typer.Option(metavar="GROUP=WORD|WORD,...", help="Words for the groups, for methods that use texts."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder.", show_default="runs/SUITE-mitigated")] = None,
    cache: CacheOption = None,
    device: DeviceOption = "cpu",
) -> None:
    """Fit mitigations on half of the data, ask the suite before and after on the other half.

    The controls "none" and "random" always run. A fitted method is kept as OUT/METHOD.safetensors, which
    `clip-audit run --with` audits like a model.
    """
    from probes.mitigation.method_registry import chosen
    from probes.suite.suite import load_suite

    names, questions = chosen(method or []), load_suite(suite)
    folder = out or Path("runs") / f"{questions.suite}-mitigated"
    if not (folder / FILES[0]).is_file():  # one of an earlier mitigation is replaced
        check_output_folder(folder)
    embedded = _embedded(questions, model=model, data=data or questions.data, cache=cache, device=device)
    target = attribute or embedded.suite.attributes[0]
    if target not in embedded.dataset.attributes:
        raise UserError(
            f"the data have no attribute {target!r}", remedy=f"use {', '.join(embedded.dataset.attributes)}"
        )
    others = {
        name: _embedded(questions, model=model, data=name, cache=cache, device=device) for name in also or []
    }
    for name, other in others.items():
        _check_size(embedded, other, name)
    study = _Study(embedded=embedded, attribute=target, words=_words(words), others=others)
    with terminal.progress_bars() as progress:
        for number, name in enumerate(names):
            progress(f"method {name}", number, len(names))
            study.add(name)
        progress("methods", len(names), len(names))
    study.write(folder)
    _print(study, folder)


def _words(given: str | None) -> dict[str, tuple[str, ...]]:
    """ "Male=man|male,Female=woman" -> the words of each group."""
    found: dict[str, tuple[str, ...]] = {}
    for part in (given or "").split(","):
        group, _, own = part.partition("=")
        if part and not own.strip():
            raise UserError(f"--words: {part!r} gives no words", remedy="write GROUP=WORD|WORD,GROUP=WORD")
        if part:
            found[group.strip()] = tuple(word.strip() for word in own.split("|"))
    return found


def _embedded(suite: Any, *, model: str | None, data: str, cache: Path | None, device: str) -> Embedded:
    from clipmodel.loading.device import usable_device
    from probes.datasets import load_dataset
    from probes.embeddings.models import model_for
    from probes.embeddings.store import EmbeddingStore
    from probes.mitigation.apply import embed_suite

    dataset = load_dataset(data)
    loaded = model_for(dataset, model, device=usable_device(device), told={})
    with terminal.progress_bars() as progress:
        return embed_suite(suite, loaded, dataset, store=EmbeddingStore(cache), progress=progress)


def _check_size(embedded: Embedded, other: Embedded, name: str) -> None:
    sizes = [one.dataset.embeddings.shape[1] for one in (embedded, other)]
    if sizes[0] != sizes[1]:
        raise UserError(
            f"--also {name}: embeddings of {sizes[1]} dimensions, those that are fitted have {sizes[0]}",
            remedy="give data of the same model",
        )


@dataclass
class _Study:
    """The methods of one run, and what came of them."""

    embedded: Embedded
    attribute: str
    words: dict[str, tuple[str, ...]]
    others: dict[str, Embedded]

    def __post_init__(self) -> None:
        from audit.mitigation.mitigation_tables import Answered
        from audit.result import AuditResult
        from probes.mitigation.leakage import leakage

        self.data = self.embedded.fit_data(self.attribute, self.words)
        self.measured = self.embedded.half(fit=False)
        result = AuditResult.from_records(self.embedded.ask(self.measured))
        self.before = Answered(manifest=result.manifest, outcomes=result.outcomes, gaps=result.gaps)
        values = self.measured.values(self.attribute)
        self.known = values.notna().to_numpy()
        self.codes = values[self.known].factorize()[0]
        self.clusters = self.measured.clusters[self.known].factorize()[0]
        self.reader = leakage
        self.leakage_before = self._leakage(self.measured.embeddings)
        self.gaps: list[pd.DataFrame] = []
        self.costs: list[dict[str, Any]] = []
        self.fitted: dict[str, Mitigation] = {}
        self.transfers: list[pd.DataFrame] = []
        self.before_elsewhere = {}
        for other, embedded in self.others.items():
            audit = AuditResult.from_records(embedded.ask(embedded.dataset))
            self.before_elsewhere[other] = Answered(
                manifest=audit.manifest, outcomes=audit.outcomes, gaps=audit.gaps
            )

    def _leakage(self, images: np.ndarray) -> Any:
        seed = self.embedded.suite.seed
        return self.reader(images[self.known], self.codes, self.clusters, seed=seed)

    def add(self, name: str) -> None:
        """Fit a method and measure it; one that does not suit the data gets a row that says why."""
        from audit.mitigation.mitigation_tables import Answered, correctness, cost_row, gap_rows
        from probes.mitigation.fitting import UnsuitableError
        from probes.mitigation.method_registry import ANSWER_METHODS, CLASS_DESIGN, METHODS

        designs, leak, note = None, None, ""
        try:
            if name == CLASS_DESIGN:
                designs, after = self._designs(), self.before
            elif name in ANSWER_METHODS:
                after, note = self._answered(ANSWER_METHODS[name]())
            else:
                fitted = METHODS[name]().fit(self.data)
                changed = self.embedded.changed(self.measured, fitted)
                after = Answered.of(self.embedded.ask(changed))
                leak = (self.leakage_before, self._leakage(changed.embeddings))
                self.fitted[name] = fitted
                self._measure_elsewhere(name, fitted)
        except UnsuitableError as error:
            self.costs.append({"method": name, "attribute": self.attribute, "note": str(error)})
            return
        gaps = gap_rows(name, self.before, after, designs=designs)
        utility = correctness(self.before, after, designs=designs)
        row = cost_row(
            name, gaps, attribute=self.attribute, leakage=leak, chance=float(_share(self.codes)),
            clusters=self.clusters, utility=utility,
        )  # fmt: skip
        self.gaps.append(gaps)
        self.costs.append(row | {"note": note})

    def _measure_elsewhere(self, name: str, fitted: Mitigation) -> None:
        """What a fitted method does to the gaps of other data, none of which it was fitted on."""
        from audit.mitigation.mitigation_tables import Answered, gap_rows

        for other, embedded in self.others.items():
            after = Answered.of(embedded.ask(embedded.changed(embedded.dataset, fitted)))
            rows = gap_rows(name, self.before_elsewhere[other], after)
            self.transfers.append(rows.assign(data=embedded.dataset.card.title))

    def _answered(self, method: AnswerMethod) -> tuple[Answered, str]:
        """The suite with the answers of a method, and which probes it left as they are."""
        from audit.mitigation.mitigation_tables import Answered
        from probes.mitigation.answering import answer

        found = answer(self.embedded, method, self.attribute)
        left = "; ".join(f"not {probe}: {why}" for probe, why in found.not_applied.items())
        return Answered.of_several(found.records), " ".join(filter(None, (method.caution, left)))

    def _designs(self) -> dict[str, str]:
        from probes.mitigation.class_design import least_gap_designs
        from probes.mitigation.fitting import UnsuitableError

        chosen = least_gap_designs(self.embedded.ask(self.embedded.half(fit=True)), self.attribute)
        if not chosen:
            message = f"no probe has several class designs and compares by {self.attribute}"
            raise UnsuitableError(message, remedy="add designs to the suite")
        return dict(chosen)

    def write(self, folder: Path) -> None:
        """Tables, page and fitted methods; whole, or not at all."""
        from audit.mitigation.mitigation_tables import cost_frame, gap_frame, transfer_frame
        from audit.report.html import fill_template, frames_as_json
        from audit.report.sections.mitigation import mitigation_page
        from clipmodel.atomic_files import replace_folder
        from probes.mitigation.method_registry import ANSWER_METHODS, CLASS_DESIGN, METHODS

        self.gap_table, self.cost_table = gap_frame(self.gaps), cost_frame(self.costs)
        tables = {"mitigation": self.gap_table, "cost": self.cost_table}
        if self.others:
            tables["transfer"] = transfer_frame(self.transfers)
        about = {
            "suite": self.embedded.suite.suite, "model": self.embedded.model.name,
            "data": self.embedded.dataset.card.title, "attribute": self.attribute,
            "fitted": len(self.data.images), "measured": len(self.measured),
        }  # fmt: skip
        known: Mapping[str, Any] = {**METHODS, **ANSWER_METHODS}
        methods = {
            name: {"about": f"{known[name].about} {getattr(known[name], 'caution', '')}",
                   "source": known[name].source}
            for name in self.cost_table["method"]
            if name != CLASS_DESIGN
        }  # fmt: skip
        page = mitigation_page(
            self.gap_table, self.cost_table, about=about, methods=methods, transfer=tables.get("transfer")
        )
        html = fill_template("mitigation.html.j2", page, data=frames_as_json(tables))

        def fill(content: Path) -> None:
            for name, table in tables.items():
                table.to_parquet(content / f"{name}.parquet", index=False)
                write_csv(table, content / f"{name}.csv")
            (content / "report.html").write_text(html, encoding="utf-8")
            for name, fitted in self.fitted.items():
                fitted.save(content / f"{name}.safetensors")

        owned = {*FILES, *(f"{name}.{suffix}" for name in METHODS for suffix in ("safetensors", "yaml"))}
        replace_folder(folder, fill, owned=lambda name: name in owned)


def _share(codes: np.ndarray) -> float:
    import numpy as np

    return float(np.bincount(codes).max() / len(codes))


def _print(study: _Study, folder: Path) -> None:
    from rich.table import Table

    from audit import formatting as fmt

    console = terminal.out()
    table = Table(
        "method", "widest gap", "narrower", "wider", "leakage", "accuracy", box=None, pad_edge=False
    )
    for row in study.cost_table.to_dict("records"):
        own = study.gap_table[study.gap_table["method"] == row["method"]]
        if not row["n"]:
            table.add_row(row["method"], "not applied:", row["note"][:40])
            continue
        table.add_row(
            row["method"], f"{100 * row['widest_gap_after']:.1f}",
            str(int((own["effect"] == "narrower").sum())), str(int((own["effect"] == "wider").sum())),
            fmt.percent(row["leakage_after"]), fmt.points(row["utility_change"]),
        )  # fmt: skip
    console.print(table)
    if study.embedded.left_out:
        console.print(f"Left out, since they need the images: {', '.join(study.embedded.left_out)}")
    console.print(f"\nReport: {folder / 'report.html'}", soft_wrap=True, markup=False)
