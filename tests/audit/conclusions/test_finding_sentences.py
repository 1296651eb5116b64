from __future__ import annotations

import pytest

from audit.conclusions.finding_sentences import (
    caution,
    noise_words,
    p_words,
    sentence,
    specification_words,
    titles_of,
)
from probes.records.manifest_types import Confounding

ROW = {
    "probe": "work", "outcome": "misclassified", "design": "default", "template": "plain", "rule": "argmax",
    "threshold": float("nan"), "by": "skin_tone", "group": "dark", "reference": "light",
    "rate_group": 0.4, "rate_reference": 0.2, "n_group": 100, "n_reference": 1200, "difference": 0.2,
    "low": 0.11, "high": 0.3, "p_adjusted": 0.0004, "specifications": 1, "holds_in": 1,
    "difference_min": 0.2, "difference_max": 0.2, "wrong_labels": 17, "wrong_truths": 20,
}  # fmt: skip
MANIFEST = {
    "probes": [{"name": "work", "title": "Work", "outcomes": [{"name": "misclassified", "title": ""}]}]
}
TITLES = titles_of(MANIFEST)


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{MINUS SIGN}", "-")


def test_a_missing_title_is_the_name_in_words() -> None:
    assert TITLES == {("work", "misclassified"): ("Work", "misclassified")}


def test_the_sentence_holds_every_number_of_the_row() -> None:
    said = plain(sentence(ROW, TITLES))
    assert said.startswith("Work, design default, template plain: misclassified more often for dark than")
    for number in ("40.0 % of 100 images", "20.0 % of 1,200", "+20.0 percentage points", "+11.0 to +30.0",
                   "adjusted p < 0.001"):  # fmt: skip
        assert number in said
    assert " less often " in sentence(ROW | {"difference": -0.2}, TITLES)


def test_a_direction_that_turns_over_specifications_is_said() -> None:
    several = ROW | {"specifications": 4, "holds_in": 3, "difference_min": 0.05, "difference_max": 0.3}
    agreeing, turning = (
        plain(sentence(row, TITLES)) for row in (several, several | {"difference_min": -0.1})
    )
    assert "3 of 4" in agreeing and "+5.0 to +30.0" in agreeing and "direction" not in agreeing
    assert "-10.0 to +30.0" in turning and "direction" in turning


def test_a_specification_in_words_names_its_rule_if_it_is_not_argmax() -> None:
    assert specification_words(ROW) == "design default, template plain"
    other = ROW | {"rule": "probability", "threshold": 0.2, "design": "with_child"}
    assert specification_words(other) == "design with child, template plain, probability ≥ 0.2"


@pytest.mark.parametrize(("p", "words"), [(0.0004, "< 0.001"), (0.012, "= 0.012")])
def test_a_p_value_after_its_letter(p: float, words: str) -> None:
    assert p_words(p) == words


def test_label_noise_names_its_labels_and_truths() -> None:
    said = plain(noise_words(ROW))
    assert "17 of the 100 images labelled dark (17.0 %)" in said
    assert "20 images of dark" in said
    # The mirrored gap: it is the reference whose truths would have to be wrong.
    assert "20 images of light" in plain(noise_words(ROW | {"difference": -0.2}))
    assert "right answer" not in noise_words(ROW | {"outcome": "harm"})


def test_what_random_noise_cannot_explain_is_left_out() -> None:
    # Of 100 against 1,200 images, 5 % of all labels at random are 60: the group would be mostly noise.
    assert "at random" in noise_words(ROW | {"n_group": 1000})
    assert "at random" not in noise_words(ROW | {"n_group": 50})


def test_cautions_are_of_small_sides_clusters_and_associated_attributes() -> None:
    confounding: Confounding = {
        "attributes": ["skin_tone", "age"], "n": 100, "cramers_v": 0.5, "worst": None, "confounded": True,
    }  # fmt: skip
    both = {**confounding, "attributes": ["skin_tone", "gender"]}
    data = {"cluster": "drawing_id", "caution": "Cartoons.", "confounding": [confounding, both]}
    small = caution(ROW | {"n_group": 29, "by": "skin_tone x gender", "design_effect": 2.0}, data)
    assert "fewer than 30 images" in small and "drawing id" in small and small.endswith("Cartoons.")
    # The grouping has both attributes of the second pair, so only the first is a caution.
    assert "age" in small and "gender" not in small
    assert caution(ROW | {"n_group": 30}, {}) == ""
