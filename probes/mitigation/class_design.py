"""Class design as a mitigation: the design of the suite with the least gaps, chosen on one half."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from probes.records import ALL, Records
from probes.rules.rule_registry import one_class_rules


def rates_by_group(counts: pd.DataFrame, attribute: str) -> pd.DataFrame:
    """Rates of the set events of rule argmax by design, template, event and group of one attribute."""
    sets = counts[(counts["event_kind"] == "set") & counts["rule"].isin(one_class_rules())]
    keys = ["probe", "design", "template", "event", attribute]
    summed = sets.groupby(keys, observed=True, sort=False)[["n", "count"]].sum().reset_index()
    return summed[summed["n"] > 0].assign(rate=lambda table: table["count"] / table["n"])


def least_gap_designs(records: Records, attribute: str) -> Mapping[str, str]:
    """The design of each probe whose widest difference between two groups of the attribute is least.

    The widest difference is over all set events of a design under the first template. A tie, and a probe that
    does not split by the attribute, keep the first design.

    Parameters
    ----------
    records
        Of the half to choose on.
    """
    chosen = {}
    for probe in records.manifest["probes"]:
        designs = [design["name"] for design in probe.get("designs", ())]
        if len(designs) < 2 or [attribute] not in [list(spec) for spec in probe["groups"]]:
            continue
        own = records.counts[(records.counts["probe"] == probe["name"]) & (records.counts[attribute] != ALL)]
        template = str(probe["templates"][0])
        rates = rates_by_group(own[own["template"].astype(str) == template], attribute)
        spread = rates.groupby(["design", "event"], observed=True)["rate"].agg(
            lambda rate: rate.max() - rate.min()
        )
        if spread.empty:
            continue
        widest = spread.groupby(level="design", observed=True).max()
        known = [design for design in designs if design in widest.index]
        chosen[str(probe["name"])] = min(known, key=lambda design: (widest[design], known.index(design)))
    return chosen
