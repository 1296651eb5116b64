"""Groupings by attributes of several values, written out as one grouping a value.

`groups: [[ancestry]]` becomes [["ancestry: Africa"], ["ancestry: Asia"], ...], and a crossing with gender one
crossing a value: see `probes.datasets.memberships` for what the groups are.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

from clipmodel.errors import UserError
from probes.datasets.demographic_dataset import DemographicDataset
from probes.datasets.memberships import COMBINATIONS, base_of, members, membership
from probes.records import BEST, OVERALL, REST
from probes.suite.probe_base import ProbeBase
from probes.suite.suite import Suite


def with_memberships(suite: Suite, dataset: DemographicDataset) -> Suite:
    """The suite with its groupings written out; memberships that it names are added to the data.

    A suite without attributes of several values comes back as it is.

    Raises
    ------
    UserError
        A reference names a group of overlapping ones, a truth has several values, or nobody has a value
        that is named.
    """
    several = [name for name in dataset.card.several_values if name in dataset.attributes]
    if not several:
        return suite
    probes = [_written_out(probe, dataset, several) for probe in suite.probes]
    truths = [getattr(probe, "truth", None) for probe in probes]
    named = {name for probe in probes for name in [*probe.attributes, *probe.where]}
    named |= {truth for truth in truths if truth}
    dataset.add_memberships([name for name in sorted(named) if base_of(name, several)])
    gates = [
        gate.model_copy(update=_gate_update(gate.name, groups, gate.groups))
        for gate in suite.gates
        for groups in _groupings(gate.groups, dataset, several)
    ]
    if probes == list(suite.probes) and gates == list(suite.gates):
        return suite
    return suite.model_copy(update={"probes": probes, "gates": gates})


def _gate_update(name: str, groups: Sequence[str], written: Sequence[str]) -> dict[str, Any]:
    """A gate of several groupings is one gate each, called after its grouping."""
    if list(groups) == list(written):
        return {}
    return {"name": f"{name} ({' x '.join(groups)})", "groups": list(groups)}


def _written_out(probe: ProbeBase, dataset: DemographicDataset, several: Sequence[str]) -> ProbeBase:
    _check_truth(probe, several)
    groups = [one for grouping in probe.groups for one in _groupings(grouping, dataset, several)]
    if groups == probe.groups:
        return probe
    references: dict[str, str] = {}
    for attribute, to in probe.references.items():
        if attribute not in several:
            references[attribute] = to
            continue
        if to not in (REST, OVERALL, BEST):
            raise UserError(
                f"probe {probe.name!r}: the groups of {attribute} overlap: {to!r} cannot be their reference",
                remedy="compare each with the rest, or group by "
                f"{membership(attribute, COMBINATIONS)!r}, where who has both is in a group of its own",
            )
        references |= {name: to for one in groups for name in one if (base_of(name, [attribute]) or ("",))[0]}
    return probe.model_copy(update={"groups": groups, "references": references})


def _check_truth(probe: ProbeBase, several: Sequence[str]) -> None:
    truth = getattr(probe, "truth", None)
    if truth in several:
        raise UserError(
            f"probe {probe.name!r}: an image has several values of {truth}, so no one class is right",
            remedy=f"ask for one value: truth: {membership(str(truth), 'VALUE')!r}",
        )


def _groupings(
    grouping: Sequence[str], dataset: DemographicDataset, several: Sequence[str]
) -> list[list[str]]:
    """One grouping a value of each attribute of several values in it."""
    choices = [
        [membership(name, value) for value in members(dataset.frame[name], dataset.orders.get(name, ()))]
        if name in several
        else [name]
        for name in grouping
    ]
    return [list(one) for one in product(*choices)]
