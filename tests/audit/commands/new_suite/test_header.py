from __future__ import annotations

import yaml

from audit.commands.new_suite.header import Words, as_yaml, head, label_sets


def test_whatever_is_answered_is_read_back_from_the_yaml() -> None:
    for odd in ('say "no": [#1]', "yes", "1.0", "naïve", "{a: b}"):
        found = yaml.safe_load(head(name=odd, title=odd, data=odd))
        assert found == {"suite": odd, "title": odd, "data": odd, "seed": 0}
        assert yaml.safe_load(as_yaml([odd, {odd: None}])) == [odd, {odd: None}]


def test_a_class_stands_for_its_own_value_for_a_named_one_or_for_none() -> None:
    words = Words(
        classes=["Male", "woman = Female", "child=Child", "robot"],
        harmful=[],
        truth="gender",
        truth_values={"Male", "Female"},
    )
    sets = yaml.safe_load(label_sets(words, title="T"))["label_sets"]["own"]
    assert (sets["title"], list(sets["sets"])) == ("T", ["identity"])
    assert sets["sets"]["identity"] == [
        {"name": "Male", "is": {"gender": "Male"}},
        {"name": "woman", "is": {"gender": "Female"}},
        "child",  # the truth has no value Child
        "robot",
    ]


def test_harmful_words_stand_for_nothing() -> None:
    words = Words(classes=["man"], harmful=["thief", "Male"], truth="gender", truth_values={"Male"})
    sets = yaml.safe_load(label_sets(words, title="T"))["label_sets"]["own"]["sets"]
    assert sets == {"identity": ["man"], "harm: offered": ["thief", "Male"]}


def test_without_a_truth_no_class_stands_for_a_value() -> None:
    words = Words(classes=["man", "Male"], harmful=[], truth=None, truth_values=["Male"])
    sets = yaml.safe_load(label_sets(words, title="T"))["label_sets"]["own"]["sets"]
    assert sets == {"identity": ["man", "Male"]}
