from __future__ import annotations

from audit.formatting import percent, words
from audit.report.section import ReportContext
from audit.report.sections import designs
from audit.result import AuditResult
from benchmarks.report_size import wide_result


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


def test_of_many_designs_the_first_the_lowest_and_the_highest_are_shown() -> None:
    result = wide_result(groups=2, probes=1, designs=9, thresholds=5)
    (part,) = designs.build(ReportContext(result=result))
    rates = result.rates.query("rule == 'argmax' and skin_tone == 'group 2'").set_index("design")["rate"]
    row = next(row for row in part.table.rows if row[0] == "group 2")
    assert row[4] == percent(rates["design_1"])
    assert row[6:] == [
        percent(rates.min()),
        words(rates.idxmin()),
        percent(rates.max()),
        words(rates.idxmax()),
    ]
    assert "of 9 class designs" in part.table.caption and part.descriptions.startswith("9 class designs;")
    svg = part.figures[0].svg
    assert "range of all 9" in svg and f"all 9 designs {percent(result_least(result))} to" in svg
    assert svg.count('class="marks"') == 2  # those of the first design, and the one in the legend


def result_least(result: AuditResult) -> float:
    """The lowest rate of any group under any design."""
    return float(result.rates.query("rule == 'argmax'")["rate"].min())
