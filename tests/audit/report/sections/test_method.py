from __future__ import annotations

import copy

from audit.report.section import ReportContext
from audit.report.sections import method


def test_the_command_is_written_as_a_shell_takes_it(context: ReportContext) -> None:
    found = method.build(context)
    card = {term: value for _, pairs in found["card"] for term, value in pairs}
    assert card["Command"] == "clip-audit run 'a b'" and card["Duration"] == "12 s"
    assert card["Logit bias"] == "none (softmax over the classes)" and card["Images"] == "4,000, unreadable 1"
    assert "Consent" not in card  # a term without a value is left out
    assert found["suite_text"] == "suite: invented\n"


def test_a_sigmoid_model_has_its_bias_on_the_card(context: ReportContext) -> None:
    manifest = copy.deepcopy(dict(context.result.manifest))
    manifest["model"]["logit_bias"] = -12.34567
    card = {term: value for _, pairs in method.card(manifest, {}) for term, value in pairs}
    assert card["Logit bias"] == "-12.35 (sigmoid)" and "Command" not in card


def test_what_was_repaired_or_reduced_in_the_data_is_on_the_card(context: ReportContext) -> None:
    data = {
        **context.result.manifest["data"],
        "notes": ["Two rows were dropped.", "The tower computed in bf16."],
    }
    told = dict(dict(method.card({**context.result.manifest, "data": data}, {}))["Data"])
    assert told["Notes"] == "Two rows were dropped. The tower computed in bf16."
    without = dict(dict(method.card({**context.result.manifest, "data": {**data, "notes": []}}, {}))["Data"])
    assert "Notes" not in without


def test_the_statement_on_multiplicity_counts_what_was_compared(context: ReportContext) -> None:
    gaps, findings = context.result.gaps, context.result.findings
    said = method.multiplicity(gaps, findings, n_specifications=7)
    assert f"{int(gaps['p'].notna().sum()):,} contrasts in " in said
    assert "over 7 specifications" in said and f"{len(findings)} contrasts are findings" in said


def test_a_question_has_its_words_and_whether_they_harm(context: ReportContext) -> None:
    found = method.question(context.probe("denigration"))
    assert found["harmful"] and not found["has_truth"] and found["n_words"] == 6
    assert dict(found["sets"])["harm: crime"] == ["criminal", "thief"]
    assert [(design["label"], design["size"]) for design in found["designs"]] == [
        ("default", 5),
        ("with child", 6),
    ]
    assert not method.question(context.probe("occupation"))["harmful"]


def test_a_question_names_its_rules_and_what_they_assign(context: ReportContext) -> None:
    probe = {**context.probes[0], "specifications": [["d", "t", "argmax", None], ["e", "t", "argmax", None]]}
    assert method.rules_of(probe) == ["argmax"]
    assert method.question(probe)["rules"] == [("argmax", "The class of the greatest similarity.")]
    # A rule of another version has no words here; the tables name it.
    assert method.question({**probe, "specifications": [["d", "t", "other", None]]})["rules"] == []
    assert method.rules_of({**probe, "specifications": None}) == []
