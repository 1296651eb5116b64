from __future__ import annotations

import dataclasses

import pandas as pd

from audit.result import AuditResult
from audit.tables.groups.natural_order import in_natural_order
from probes.records import attribute_entry
from tests.audit.support.naive_counts import draw_images, records_of

ORDER = ["medium", "light", "dark"]
MANIFEST = {"attributes": [attribute_entry("tone", order=ORDER), attribute_entry("gender")]}


def test_values_follow_the_card_then_the_table_and_what_is_missing_comes_last() -> None:
    table = pd.DataFrame({"tone": ["(all)", "dark", "(missing)", "new", "medium"], "gender": list("abcde")})
    ordered = in_natural_order(table, MANIFEST)
    assert ordered.sort_values("tone")["tone"].tolist() == ["medium", "dark", "new", "(missing)", "(all)"]
    assert ordered["gender"].equals(table["gender"])
    assert in_natural_order(ordered, MANIFEST)["tone"].equals(ordered["tone"])
    assert in_natural_order(table[["gender"]], MANIFEST).equals(table[["gender"]])


def test_every_table_of_an_audit_has_the_order_of_the_manifest() -> None:
    records = records_of(draw_images(400, seed=1, extra={"dark": 0.4}))
    entries = [attribute_entry("skin_tone", order=ORDER), attribute_entry("gender", order=["woman", "man"])]
    result = AuditResult.from_records(
        dataclasses.replace(records, manifest={**records.manifest, "attributes": entries})
    )
    for table in (result.rates, result.composition, result.accuracy):
        shown = table.loc[(table["skin_tone"] != "(all)") & (table["gender"] == "(all)"), "skin_tone"]
        assert list(dict.fromkeys(shown)) == ORDER
    by_tone = result.gaps.loc[result.gaps["by"] == "skin_tone", "group"]
    assert list(dict.fromkeys(by_tone)) == ORDER
    crossed = result.gaps.loc[result.gaps["by"] == "skin_tone x gender", "group"]
    assert list(dict.fromkeys(crossed))[:3] == ["medium x woman", "medium x man", "light x woman"]
