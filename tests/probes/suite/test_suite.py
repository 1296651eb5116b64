"""Suites: what is read, and what is refused with its line and the closest right word."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from clipmodel.errors import UserError
from probes.suite.classification_probe import Outcome
from probes.suite.probe_base import Exclusion
from probes.suite.shipped.library import load_label_set, shipped
from probes.suite.suite import Suite, load_suite, suite_json_schema

SUITE = """\
suite: small
templates: {plain: ["{a} {label}"]}
label_sets:
  colours:
    note: why
    sets:
      identity:
        - {name: red, is: {colour: red}}
        - {name: blue, is: {colour: blue}}
      "harm: crime": [thief]
thresholds: [0.2, 0.5]
probes:
  - name: first
    where: {split: {not: [train]}, kind: [a, 3]}
    truth: colour
    label_set: colours
    designs: {default: {}, bigger: {add: {identity: [green]}}}
    rules: [argmax, probability]
    groups: [[gender], [gender, tone]]
    references: {tone: light}
    outcomes: {misclassified: [], crime: ["harm: crime"]}
gates:
  - {name: g, probe: first, outcome: crime, groups: [gender], margin: 0.1}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "small.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    return load_suite(write(tmp_path, SUITE))


def test_a_suite_is_read(suite: Suite) -> None:
    probe = suite.probes[0]
    assert probe.where == {"split": Exclusion.model_validate({"not": ["train"]}), "kind": ["a", "3"]}
    assert probe.outcomes == {"misclassified": Outcome(), "crime": Outcome(sets=["harm: crime"])}
    assert probe.attributes == suite.attributes == ["gender", "tone"]
    assert suite.label_set("colours").name == "colours"
    assert suite.designs(probe)["bigger"].names == ["red", "blue", "green", "thief"]
    assert suite.gates[0].metric == "difference"


def test_the_text_of_a_suite_reads_back_as_the_same_suite(suite: Suite) -> None:
    again = Suite.model_validate(yaml.safe_load(suite.text))
    assert again == suite
    assert again.sha256 == suite.sha256


def test_the_hash_is_of_the_meaning(suite: Suite, tmp_path: Path) -> None:
    assert load_suite(write(tmp_path, "# a comment\n" + SUITE)).sha256 == suite.sha256
    assert load_suite(write(tmp_path, SUITE.replace("0.5", "0.6"))).sha256 != suite.sha256


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("thresholds:", "treshold:", 11, "did you mean 'thresholds'"),
        ("truth: colour", "thruth: colour", 15, "did you mean 'truth'"),
        ("{add: {identity", "{ad: {identity", 17, "did you mean 'add'"),
        ("name: red, is:", "name: red, iss:", 8, "did you mean 'is'"),
        ("{not: [train]}", "{nto: [train]}", 14, "did you mean 'not'"),
        ("label_set: colours", "label_set: colors", 16, "unknown label set 'colors' (did you mean 'colours'"),
        ("    rules: [argmax, probability]", "    rules: [argmx]", 18, "did you mean 'argmax'?"),
        ("[0.2, 0.5]", "[0.2, 1.5]", 11, "less than or equal to 1"),
        ("[0.2, 0.5]", "[0.2, 0.2]", 11, "0.2 is there twice"),
        ("thresholds: [0.2, 0.5]", "", 18, "the rule 'probability' needs thresholds"),
        ("argmax, probability]", "argmax, top_k]", 18, "the rule 'top_k' needs top_k (add 'top_k: [5]'"),
        ("argmax, probability]", "cosine]", 18, "the rule 'cosine' needs cosines"),
        ("argmax, probability]", "calibrated]", 18, "the rule 'calibrated' needs shares"),
        ("thresholds: [0.2, 0.5]", "top_k: [0]", 11, "greater than or equal to 1"),
        ("thresholds: [0.2, 0.5]", "cosines: [-1.1]", 11, "greater than or equal to -1"),
        ("thresholds: [0.2, 0.5]", "shares: [1.0]", 11, "less than 1"),
        ('["{a} {label}"]', '["{a} {lable}"]', 2, "needs {label} once"),
        ("templates: {plain", "templates: {plian", 13, "unknown template 'plain' (did you mean 'plian'"),
        ('templates: {plain: ["{a} {label}"]}', "templates: emojy", 2, "did you mean 'emoji'"),
        ("name: blue,", "name: red,", 9, "the class 'red' is twice in 'identity'"),
        ("[thief]", "[red]", 10, "the class 'red' is in 'identity' and 'harm: crime'"),
        ('"harm: crime": [thief]', '"harms: crime": [thief]', 10, "unknown set 'harms: crime'"),
        ("{add: {identity: [green]}}", "{drop: [geren]}", 17, "unknown class or set 'geren'"),
        ("{add: {identity: [green]}}", "{rename: {bleu: x}}", 17, "did you mean 'blue'"),
        ("{add: {identity: [green]}}", "{drop: [red, blue]}", 17, "at least two classes"),
        ('crime: ["harm: crime"]', 'crime: ["harm: crme"]', 21, "did you mean 'harm: crime'"),
        ('crime: ["harm: crime"]', "crime: []", 21, "names no set"),
        ('crime: ["harm: crime"]', 'identity: ["harm: crime"]', 21, "the name of another set"),
        ("{misclassified: [], crime:", "{misclassified: [] }\n    #", 24, "unknown outcome 'crime'"),
        ('outcomes: {misclassified: [], crime: ["harm: crime"]}', "", 13, "counts nothing"),
        ("    truth: colour\n", "", 20, "'misclassified' needs a truth"),
        ("truth: colour", "truth: color", 15, "says which color it stands for"),
        ("{tone: light}", "{tnoe: light}", 20, "unknown group attribute 'tnoe' (did you mean 'tone'"),
        ("[[gender], [gender, tone]]", "[[gender], [gender]]", 19, "is there twice"),
        ("probe: first", "probe: frist", 23, "did you mean 'first'"),
        ("outcome: crime", "outcome: crim", 23, "did you mean 'crime'"),
        ("groups: [gender], margin", "groups: [tone], margin", 23, "has no groups ['tone']"),
        ("margin: 0.1", "margin: 0", 23, "greater than 0"),
        ("[a, 3]", "[a, yes]", 14, "put the word in quotes"),
        ("[[gender], [gender, tone]]", "[[gender, gender]]", 19, "'gender' is there twice"),
        ("{add: {identity: [green]}}", "{add: {identity: [RED]}}", 17, "one text to the tokenizer"),
        ("[thief]", "['blue&nbsp;']", 10, "one text to the tokenizer"),
        ("suite: small", "suite: ../small", 1, "cannot be the name of a folder"),
        ("suite: small", 'suite: "a\\x07b"', 1, "cannot be the name of a folder"),
        ("thresholds: [0.2, 0.5]", "seed: -5", 11, "greater than or equal to 0"),
        ("thresholds: [0.2, 0.5]", f"seed: {2**63}", 11, "less than"),
        ("thresholds: [0.2, 0.5]", "thresholds: [.nan]", 11, "finite number"),
        ("thresholds: [0.2, 0.5]", "curve: 10002", 11, "less than or equal to 10001"),
        ("    rules: [argmax, probability]", "    thresholds: [0.5]", 18, "beside 'probes:'"),
        ("    rules: [argmax, probability]", f"    min_group: {10**24}", 18, "less than or equal to"),
        ("name: red, is:", f"name: {'x' * 201}, is:", 8, "1 to 200 characters, this one 201"),
    ],
)
def test_a_mistake_is_placed_and_explained(tmp_path: Path, old: str, new: str, line: int, words: str) -> None:
    assert SUITE.count(old) == 1, "the case must change one place"
    path = write(tmp_path, SUITE.replace(old, new))
    with pytest.raises(UserError) as caught:
        load_suite(path)
    assert str(caught.value).startswith(f"{path}, line {line}: "), str(caught.value)
    assert words in str(caught.value)


def test_slots_that_multiply_are_refused_before_they_are_filled(tmp_path: Path) -> None:
    """Twelve slots of 30 words would be 30**12 texts."""
    names = [f"s{i}" for i in range(12)]
    text = " ".join(f"{{{name}}}" for name in names)
    slots = {name: [f"w{i}" for i in range(30)] for name in names}
    template = json.dumps({"texts": [f"{text} {{label}}"], "slots": slots})
    with pytest.raises(UserError, match="531,441,000,000,000,000 texts"):
        load_suite(write(tmp_path, SUITE.replace('["{a} {label}"]', template)))


def test_numbers_in_yaml_are_the_labels_that_numbers_in_data_are(tmp_path: Path) -> None:
    suite = load_suite(write(tmp_path, SUITE.replace("[a, 3]", "[1.0, 2.5, ' b\u00a0']")))
    assert suite.probes[0].where["kind"] == ["1", "2.5", "b"]


def test_a_class_may_be_a_number(tmp_path: Path) -> None:
    text = SUITE.replace("{name: red, is: {colour: red}}", "{name: 1, is: {colour: red}}")
    assert load_suite(write(tmp_path, text)).label_set("colours").names[0] == "1"


def test_outcomes_as_a_list_are_misclassifications_only(tmp_path: Path) -> None:
    listed = SUITE.replace('outcomes: {misclassified: [], crime: ["harm: crime"]}', "outcomes: [crime]")
    with pytest.raises(UserError, match="needs the sets it counts"):
        load_suite(write(tmp_path, listed))


def test_a_k_that_gives_every_class_is_refused(tmp_path: Path) -> None:
    """The smaller of the two designs has three classes."""
    text = SUITE.replace("thresholds: [0.2, 0.5]", "top_k: [2, 3]").replace("argmax, probability", "top_k")
    with pytest.raises(UserError, match=r"line 18: .*k = 3 assigns every one of the 3 classes"):
        load_suite(write(tmp_path, text))


def test_two_probes_of_one_name_are_refused(tmp_path: Path) -> None:
    second = "  - {name: first, label_set: colours, outcomes: {crime: ['harm: crime']}}\n"
    with pytest.raises(UserError, match=r"line 22: .*two probes are named 'first'"):
        load_suite(write(tmp_path, SUITE.replace("gates:\n", second + "gates:\n")))


def test_an_unknown_suite_suggests_a_shipped_one() -> None:
    with pytest.raises(UserError, match="did you mean 'quickstart'"):
        load_suite("quikstart")


@pytest.mark.parametrize("name", shipped("label_sets"))
def test_shipped_label_sets_say_where_they_come_from(name: str) -> None:
    label_set = load_label_set(name)
    assert label_set.name == name
    assert label_set.source
    assert label_set.note


@pytest.mark.parametrize("name", shipped("suites"))
def test_shipped_suites_are_valid(name: str) -> None:
    suite = load_suite(name)
    assert suite.suite == name
    assert all(probe.question for probe in suite.probes)


def test_the_json_schema_knows_the_short_forms() -> None:
    schema = suite_json_schema()
    json.dumps(schema)
    assert schema["additionalProperties"] is False
    assert set(schema["required"]) == {"suite", "probes"}
    classes = schema["$defs"]["LabelSet"]["properties"]["sets"]["additionalProperties"]["items"]
    assert {"type": "string"} in classes["anyOf"]
    assert "is" in schema["$defs"]["LabelClass"]["properties"]
