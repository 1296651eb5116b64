"""The data's side of a probe: which images it asks about, their truth, their groups, and who is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from clipmodel.errors import UserError
from clipmodel.yaml_models import closest
from probes.datasets.demographic_dataset import REASON, DemographicDataset
from probes.datasets.memberships import has_value, members
from probes.records import ALL, BEST, MISSING, NO_TRUTH, OVERALL, REST, attribute_column
from probes.suite.classification_probe import Probe
from probes.suite.label_sets import LabelSet
from probes.suite.measure_probes import WithTruth
from probes.suite.probe_base import Exclusion, Filter, ProbeBase
from probes.suite.values import yaml_word

TRUTH = "truth"
NO_TRUTH_REASON = "truth: "  # how the reason begins where an image is left out for want of a truth
LONGEST_REMEDY = 300  # characters; an attribute may have thousands of values


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The images of a probe, divided into cells.

    Attributes
    ----------
    rows
        [N] rows of the data set that are asked about and have a truth, where the probe needs one.
    cell
        [N] the cell of each row, 0 ... G-1.
    cells
        G rows: the group attributes of the probe, under the names of their columns
        (`probes.records.attribute_column`), and "truth". Only cells with images.
    excluded
        Columns: reason, the group attributes, n: images that are left out, or left out of the groups of an
        attribute that is missing.
    """

    rows: np.ndarray
    cell: np.ndarray
    cells: pd.DataFrame
    excluded: pd.DataFrame

    @property
    def n_without_truth(self) -> int:
        """Images left out because their truth has no label, does not show, or has no class."""
        rows = self.excluded["reason"].str.startswith(NO_TRUTH_REASON)
        return int(self.excluded.loc[rows, "n"].sum())

    def only(self, wanted: np.ndarray) -> Selection:
        """The selection of those images alone for which `wanted` [N] is true; what was left out stays."""
        kept, cell = np.unique(self.cell[wanted], return_inverse=True)
        cells = self.cells.iloc[kept].reset_index(drop=True)
        return Selection(rows=self.rows[wanted], cell=cell, cells=cells, excluded=self.excluded)

    def expanded(self, code: np.ndarray) -> Selection:
        """The selection among images, from one among combinations of values and each image's combination."""
        cell_of = np.full(int(code.max(initial=-1)) + 1, -1, np.int32)
        cell_of[self.rows] = self.cell
        cells = cell_of[code]
        rows = np.flatnonzero(cells >= 0)
        return replace(self, rows=rows, cell=cells[rows])

    def without(self, unreadable: Mapping[int, str]) -> Selection:
        """The selection less the images that cannot be read, which are counted by cell and reason."""
        if not unreadable:
            return self
        readable = ~np.isin(self.rows, np.array(list(unreadable), np.int64))
        lost = self.cells.drop(columns=TRUTH).iloc[self.cell[~readable]].reset_index(drop=True)
        reasons = [f"unreadable image: {unreadable[int(row)]}" for row in self.rows[~readable]]
        lost.insert(0, "reason", pd.Series(reasons, dtype="str"))
        # Numbered anew: a cell whose images are all unreadable would otherwise stay with n = 0.
        kept, cell = np.unique(self.cell[readable], return_inverse=True)
        return Selection(
            rows=self.rows[readable],
            cell=cell,
            cells=self.cells.iloc[kept].reset_index(drop=True),
            excluded=pd.concat([self.excluded, _count(lost)], ignore_index=True),
        )


def select(
    probe: ProbeBase, dataset: DemographicDataset, designs: Mapping[str, LabelSet] | None = None
) -> Selection:
    """Apply a probe to a data set; `designs` are the label sets whose classes its truth is judged by.

    An image whose truth has no label, or does not show, is left out; so is one whose truth no class of some
    design stands for, where the probe says so. An image without a group attribute stays, and counts as
    "(missing)" in it.

    Raises
    ------
    UserError
        An attribute or value is not in the data, no image is selected, a reference group has no image, or
        a truth is covered by no class of a design and the probe does not leave its images out.
    """
    truth = probe.truth if isinstance(probe, Probe | WithTruth) else None
    for attribute in [*probe.where, *probe.attributes, *([truth] if truth else [])]:
        if attribute not in dataset.attributes:
            raise UserError(
                f"probe {probe.name!r}: the data {dataset.card.name!r} have no attribute {attribute!r}",
                remedy=closest(attribute, dataset.attributes),
            )
    chosen = np.ones(len(dataset), bool)
    for attribute, condition in probe.where.items():
        chosen &= _matches(probe, dataset, attribute, condition)
    rows = np.flatnonzero(chosen)
    if not len(rows):
        raise UserError(f"probe {probe.name!r} selects no image: {where_text(probe)}", remedy="relax 'where'")
    excluded = [_not_loaded(probe, dataset)]
    if isinstance(probe, Probe | WithTruth) and truth:
        reasons = _reasons_against(probe, dataset, rows, designs or {}, truth=truth)
        excluded.append(_without_truth(dataset, rows, probe, reasons))
        rows = rows[reasons.isna().to_numpy()]
    # After the truth: a group whose images were all left out is refused here, with its name.
    _check_groups(probe, dataset, rows)
    excluded.append(_missing_groups(dataset, rows, probe.attributes))
    labels = _labels(dataset, rows, probe.attributes)
    labels[TRUTH] = dataset.values(truth).iloc[rows].to_numpy() if truth else NO_TRUTH
    cells, cell = _divide(labels, dataset, probe, truth=truth)
    return Selection(rows=rows, cell=cell, cells=cells, excluded=pd.concat(excluded, ignore_index=True))


def where_text(probe: ProbeBase) -> str:
    """The filters of a probe in words."""
    parts = [f"{attribute} is {_condition_text(condition)}" for attribute, condition in probe.where.items()]
    return " and ".join(parts) or "all images"


def _condition_text(condition: Filter) -> str:
    if isinstance(condition, Exclusion):
        return f"not {' or '.join(condition.not_)}"
    return " or ".join([condition] if isinstance(condition, str) else condition)


def _matches(probe: ProbeBase, dataset: DemographicDataset, attribute: str, condition: Filter) -> np.ndarray:
    """[N] bool. A filter reads the labels; whether the image shows them is counted later."""
    wanted = condition.not_ if isinstance(condition, Exclusion) else condition
    wanted = [wanted] if isinstance(wanted, str) else wanted
    several = attribute in dataset.card.several_values
    single = members(dataset.frame[attribute]) if several else []
    known = [*dataset.levels(attribute), *single, MISSING]
    for value in wanted:
        if value not in known:
            remedy = closest(value, known)
            raise UserError(
                f"probe {probe.name!r}: no image has {attribute} {value!r}",
                remedy=remedy if len(remedy) <= LONGEST_REMEDY else f"{attribute} has {len(known)} values",
            )
    if several:
        return _listed_among(dataset.frame[attribute], condition)
    return _listed(dataset.frame[attribute], condition)


def _listed(values: pd.Series, condition: Filter) -> np.ndarray:
    wanted = condition.not_ if isinstance(condition, Exclusion) else condition
    listed = values.fillna(MISSING).isin([wanted] if isinstance(wanted, str) else wanted).to_numpy()
    return ~listed if isinstance(condition, Exclusion) else listed


def _listed_among(values: pd.Series, condition: Filter) -> np.ndarray:
    """[N] whether a row has a wanted value, among others or alone, or is a wanted combination."""
    wanted = condition.not_ if isinstance(condition, Exclusion) else condition
    wanted = [wanted] if isinstance(wanted, str) else wanted
    found = np.asarray(values.fillna(MISSING).isin(wanted).to_numpy(dtype=bool))
    for value in wanted:
        found = found | has_value(values, value).fillna(False).to_numpy(dtype=bool)
    return ~found if isinstance(condition, Exclusion) else found


def _not_loaded(probe: ProbeBase, dataset: DemographicDataset) -> pd.DataFrame:
    """Annotated images that the loader had to leave out, unless a filter is known to exclude them."""
    table = dataset.dropped
    for attribute, condition in probe.where.items():
        values = table[attribute]
        # A dropped image whose value is not known might have passed the filter, so it is counted.
        table = table[values.isna().to_numpy() | _listed(values, condition)]
    labels = {attribute_column(name): table[name] for name in probe.attributes}
    return _count(pd.DataFrame({REASON: table[REASON], **labels}).fillna(MISSING))


def _labels(dataset: DemographicDataset, rows: np.ndarray, attributes: Sequence[str]) -> pd.DataFrame:
    columns = {
        attribute_column(name): dataset.values(name).iloc[rows].fillna(MISSING).to_numpy()
        for name in attributes
    }
    return pd.DataFrame(columns, index=range(len(rows)))


def _reasons(dataset: DemographicDataset, rows: np.ndarray, attribute: str) -> pd.Series:
    """[N] why an attribute is missing, NaN where it is not."""
    labelled = dataset.frame[attribute].iloc[rows].notna().to_numpy()
    shown = dataset.visible(attribute)[rows]
    reasons = np.where(labelled, f"{attribute} not visible", f"{attribute} not labelled").astype(object)
    return pd.Series(reasons).mask(pd.Series(labelled & shown))


def _missing_groups(dataset: DemographicDataset, rows: np.ndarray, attributes: Sequence[str]) -> pd.DataFrame:
    parts = []
    for attribute in attributes:
        table = pd.DataFrame({"reason": _reasons(dataset, rows, attribute).dropna()})
        parts.append(
            table.assign(
                **{attribute_column(name): MISSING if name == attribute else ALL for name in attributes}
            )
        )
    table = pd.concat(parts) if parts else pd.DataFrame({"reason": pd.Series(dtype="str")})
    return _count(table, dataset, rows[table.index])


def _reasons_against(
    probe: Probe | WithTruth,
    dataset: DemographicDataset,
    rows: np.ndarray,
    designs: Mapping[str, LabelSet],
    *,
    truth: str,
) -> pd.Series:
    """[N] why the answer to an image cannot be judged, NaN where it can."""
    missing = _reasons(dataset, rows, truth)
    if missing.notna().all():
        raise UserError(
            f"probe {probe.name!r}: none of the selected images shows its {truth}",
            remedy="choose another truth, or relax 'where'",
        )
    values = dataset.values(truth).iloc[rows].reset_index(drop=True)
    uncovered = _uncovered(probe, set(values.dropna()), designs, truth=truth)
    reasons = missing.fillna(values.map(uncovered).astype("str"))
    if reasons.notna().all():
        raise UserError(
            f"probe {probe.name!r}: no class stands for the {truth} of any selected image",
            remedy=f"they have {', '.join(sorted(uncovered)[:10])}",
        )
    return NO_TRUTH_REASON + reasons


def _uncovered(
    probe: Probe | WithTruth, present: set[str], designs: Mapping[str, LabelSet], *, truth: str
) -> dict[str, str]:
    """Truths for which some design has no class, each with the reason to leave its images out."""
    reasons: dict[str, str] = {}
    for name, design in designs.items():
        uncovered = sorted(present - design.covered(truth))
        if uncovered and probe.uncovered == "refuse":
            covering = f"{{{yaml_word(truth)}: {yaml_word(uncovered[0])}}}"
            raise UserError(
                f"probe {probe.name!r}, design {name!r}: no class for {truth} {', '.join(uncovered)}",
                remedy=f"give a class 'is: {covering}', narrow 'where', or leave these "
                "images out with 'uncovered: exclude'",
            )
        where = f" in the design {name}" if len(designs) > 1 else ""
        # The first design that lacks a class names the reason; images are left out of every design, so that
        # designs are compared on the same images.
        reasons = {value: f"no class for {truth} {value}{where}" for value in uncovered} | reasons
    return reasons


def _without_truth(
    dataset: DemographicDataset, rows: np.ndarray, probe: ProbeBase, reasons: pd.Series
) -> pd.DataFrame:
    labels = _labels(dataset, rows, probe.attributes)
    labels.insert(0, "reason", reasons)
    lost = reasons.notna().to_numpy()
    return _count(labels[lost], dataset, rows[lost])


def _count(
    table: pd.DataFrame, dataset: DemographicDataset | None = None, rows: np.ndarray | None = None
) -> pd.DataFrame:
    """Distinct rows and how often each occurs, in the order they occur.

    `rows` are those of a data set that the rows of the table are about, each of which may stand for several
    images.
    """
    groups = table.groupby(list(table.columns), sort=False, observed=True)
    if dataset is None or dataset.multiplicity is None:
        return groups.size().reset_index(name="n")
    counted = table.assign(n=dataset.multiplicity[rows])
    return counted.groupby(list(table.columns), sort=False, observed=True)["n"].sum().reset_index()


def _n_images(dataset: DemographicDataset, rows: np.ndarray) -> int:
    """How many images some rows stand for."""
    return len(rows) if dataset.multiplicity is None else int(dataset.multiplicity[rows].sum())


def _check_groups(probe: ProbeBase, dataset: DemographicDataset, rows: np.ndarray) -> None:
    for attribute in probe.attributes:
        present = set(dataset.values(attribute).iloc[rows].dropna())
        if not present:
            raise UserError(
                f"probe {probe.name!r}: none of the {_n_images(dataset, rows)} selected images shows its "
                f"{attribute}",
                remedy=f"take {attribute!r} out of 'groups', or relax 'where'",
            )
        reference = probe.references.get(attribute)
        if reference not in {None, REST, OVERALL, BEST, *present}:
            raise UserError(
                f"probe {probe.name!r}: the reference group {attribute} {reference!r} has no image",
                remedy=closest(
                    str(reference), [level for level in dataset.levels(attribute) if level in present]
                ),
            )


def _divide(
    labels: pd.DataFrame, dataset: DemographicDataset, probe: ProbeBase, *, truth: str | None
) -> tuple[pd.DataFrame, np.ndarray]:
    """Cells in the natural order of their attributes, and the cell of each row."""
    columns = {attribute_column(name): name for name in probe.attributes}
    for column, name in columns.items():
        # Categories give the order of the cells; "(missing)" comes last.
        labels[column] = pd.Categorical(labels[column], [*dataset.levels(name), MISSING])
    truths = dataset.levels(truth) if truth else [NO_TRUTH]
    labels[TRUTH] = pd.Categorical(labels[TRUTH], truths)
    # observed: cells without an image are not made here, they would have no rate; zero counts of events
    # within a cell are kept later.
    groups = labels.groupby([*columns, TRUTH], observed=True, sort=True)
    cells = groups.size().index.to_frame(index=False)
    # Text, as the schema of every table has it.
    return cells.astype("str"), groups.ngroup().to_numpy(copy=True)
