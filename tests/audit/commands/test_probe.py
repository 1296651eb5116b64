"""`clip-audit probe`: suites that are written, checked and shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.audit.commands.conftest import SUITE, Invoke


def test_check_lists_groups_that_are_too_small(invoke: Invoke, workplace: Path) -> None:
    # 12 images of each tone and gender, of 24 of each tone and 24 of each gender.
    suite = SUITE.replace("[gender]]", "[gender], [tone, gender]]\n    min_group: 13")
    (workplace / "small.yaml").write_text(suite, encoding="utf-8")
    result = invoke("probe", "check", "small.yaml")
    assert result.exit_code == 0
    notes = [line for line in result.stdout.splitlines() if "no rate for" in line]
    assert len(notes) == 4
    assert "colour: no rate for tone x gender dark x man, 12 images where min_group is 13" in notes


def test_check_names_what_is_wrong(invoke: Invoke, workplace: Path) -> None:
    (workplace / "small.yaml").write_text(
        SUITE.replace("label_set: colours", "label_set: colors"), encoding="utf-8"
    )
    result = invoke("probe", "check", "small.yaml")
    assert result.exit_code == 2
    assert "did you mean 'colours'?" in result.stderr
    assert "Traceback" not in result.stderr


def test_show_prints_classes_prompts_and_groups(invoke: Invoke, workplace: Path) -> None:
    result = invoke("probe", "show", "small.yaml")
    assert result.exit_code == 0
    for words in (
        "Colours of squares",
        "red, green, blue",
        "harm: crime",
        "thief",
        '"a red"',
        "tone, gender",
    ):
        assert words in result.stdout


def test_show_says_which_values_a_class_stands_for_where_they_are_several(
    invoke: Invoke, workplace: Path
) -> None:
    text = Path("small.yaml").read_text(encoding="utf-8")
    warm = text.replace("name: red, is: {colour: red}", "name: warm, is: {colour: [red, green]}")
    assert warm != text
    Path("warm.yaml").write_text(warm.replace("name: green, is: {colour: green}", "name: green"))
    assert "warm (red or green), green, blue" in invoke("probe", "show", "warm.yaml").stdout


def test_schema_is_a_json_schema_of_suites(invoke: Invoke) -> None:
    schema = json.loads(invoke("probe", "schema").stdout)
    assert {"suite", "probes"} <= set(schema["required"])
    assert "label_sets" in schema["properties"]


def test_what_no_machine_can_do_is_refused_before_an_image_is_read(invoke: Invoke, workplace: Path) -> None:
    """10,001 points x 2 events x 12 cells x 100 templates are 24 million."""
    text = (workplace / "small.yaml").read_text()
    names = [f"t{i}" for i in range(100)]
    templates = "".join(f"  {name}: ['{name} {{label}}']\n" for name in names)
    text = text.replace(
        "    groups:", f"    templates: [{', '.join(names)}]\n    rules: [probability]\n    groups:"
    )
    text = text.replace("probes:", f"curve: 10001\nthresholds: [0.5]\ntemplates:\n{templates}probes:")
    (workplace / "small.yaml").write_text(text)
    for command in (("probe", "check"), ("run",)):
        done = invoke(*command, "small.yaml")
        assert done.exit_code == 2
        assert "points of curves" in done.output


def test_rules_lists_what_each_assigns_and_an_example(invoke: Invoke) -> None:
    result = invoke("probe", "rules")
    assert result.exit_code == 0
    for words in (
        "argmax",
        "The class of the greatest similarity.",
        "whole numbers from 1",
        "between 0 and 1",
    ):
        assert words in " ".join(result.stdout.split()), words
    assert "rule_thresholds: {top_k: [5]}" in result.stdout


def test_check_does_not_list_every_value_of_an_identifier(invoke: Invoke, workplace: Path) -> None:
    """30 badges of one image each: 12 are named, 18 counted, and the note on the badges comes before."""
    lines = [f"{i},{('red', 'blue')[i % 2]},b{i}" for i in range(30)]
    (workplace / "p.csv").write_text("\n".join(["path,colour,badge", *lines]))
    own = "{sets: {identity: [{name: red, is: {colour: red}}, {name: blue, is: {colour: blue}}]}}"
    probe = "{name: c, truth: colour, label_set: own, groups: [[badge]], outcomes: {misclassified: {}}}"
    (workplace / "badges.yaml").write_text(
        f"suite: badges\ndata: table:p.csv\nlabel_sets: {{own: {own}}}\nprobes:\n  - {probe}\n"
    )
    told = invoke("probe", "check", "badges.yaml").stdout
    assert told.count("1 image where min_group is") == 12
    assert "c: no rate for 18 other groups either" in told
    assert told.index("like an identifier") < told.index("no rate for badge b0")


@pytest.mark.parametrize("name", ["value", "rate", "n", "confidence", "threshold", "attribute: rate"])
def test_check_takes_attributes_called_like_a_column(invoke: Invoke, workplace: Path, name: str) -> None:
    """The tables call it "attribute: rate"; 3 of 30 images are in the group that is too small."""
    lines = [f"{i},{('red', 'blue')[i % 2]},{'few' if i < 3 else 'many'}" for i in range(30)]
    (workplace / "p.csv").write_text("\n".join([f"path,colour,{name}", *lines]))
    own = "{sets: {identity: [{name: red, is: {colour: red}}, {name: blue, is: {colour: blue}}]}}"
    probe = (
        f"{{name: c, truth: colour, label_set: own, groups: [['{name}'], ['{name}', colour]], min_group: 4"
    )
    (workplace / "odd.yaml").write_text(
        f"suite: odd\ndata: table:p.csv\nlabel_sets: {{own: {own}}}\n"
        f"probes:\n  - {probe}, outcomes: {{misclassified: {{}}}}}}\n"
    )
    result = invoke("probe", "check", "odd.yaml")
    assert result.exit_code == 0, result.output
    assert f"c: no rate for {name} few, 3 images where min_group is 4" in result.stdout
    assert f"c: no rate for {name} x colour few x red, 2 images where min_group is 4" in result.stdout
