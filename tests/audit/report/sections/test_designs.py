from __future__ import annotations

from audit.report.section import ReportContext
from audit.report.sections import designs


def test_only_probes_with_several_designs_have_a_part(context: ReportContext) -> None:
    (part,) = designs.build(context)
    assert part.title == "Denigration" and len(part.figures) == 3  # one an outcome
    assert part.descriptions == "default: the label set as it is; with child: adds child"


def test_the_rates_differ_in_the_design_only(context: ReportContext) -> None:
    shown = designs.across_designs(context.result.rates, probe=context.probe("denigration"))
    assert set(shown["design"]) == {"default", "with_child"}
    assert set(shown["rule"]) == {"argmax"} and set(shown["template"]) == {"plain"}


def test_both_rates_of_a_group_stand_in_one_row(context: ReportContext) -> None:
    (part,) = designs.build(context)
    labels = [column.label for column in part.table.columns]
    shown = designs.across_designs(context.result.rates, probe=context.probe("denigration"))
    row = next(r for r in part.table.rows if r[:2] == ["dark", "crime"])
    for design, label in (("default", "Rate, default"), ("with_child", "Rate, with child")):
        own = shown[
            (shown["design"] == design) & (shown["outcome"] == "crime") & (shown["skin_tone"] == "dark")
        ]
        rate = own[own["gender"] == "(all)"]["rate"].item()
        assert row[labels.index(label)] == f"{100 * rate:.1f}\N{NO-BREAK SPACE}%"


def test_a_probe_without_rates_has_no_rows(context: ReportContext) -> None:
    empty = context.result.rates.iloc[:0]
    assert len(designs.across_designs(empty, probe=context.probe("denigration"))) == 0
