from __future__ import annotations

import numpy as np
import pytest

from audit.calibration import hard_cases
from audit.calibration.hard_cases import (
    ALIKE,
    MIXED,
    hard_case_table,
    joint_counts_of,
    matched_of,
    mixed_persons,
)
from audit.calibration.scenarios import BY_NAME, drawn


def test_joint_counts_are_those_of_a_loop() -> None:
    happened = np.array([[1, 0, 1, 1], [0, 0, 1, 0]], dtype=bool)
    group, person = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1])
    joint = joint_counts_of(happened, group, person)
    for g in range(2):
        for place, bits in enumerate(joint.bits):
            expected = sum(group[i] == g and (happened[:, i] == bits).all() for i in range(4))
            assert joint.counts[g, place] == expected
    assert joint.images is not None
    assert joint.bits[joint.images.bit_string].tolist() == happened.T.astype(int).tolist()
    assert joint_counts_of(happened, group, np.arange(4)).images is None


def test_half_of_the_mixed_persons_have_images_of_several_groups() -> None:
    person, group, scores = mixed_persons(3)
    assert scores.shape == (2, len(person))
    several = [len(set(group[person == one])) > 1 for one in range(person.max() + 1)]
    assert not any(several[::2])
    # A person with k images has several groups with chance 1 - 3^(1 - k): 9 of 10 or so from three on.
    assert np.mean(several[1::2]) > 0.5
    # Both variables of a score have half of its variance: the correlation within a person is .5.
    of_person = np.array([scores[0, person == one].mean() for one in range(person.max() + 1)])
    assert of_person.var() > 0.35


def test_matched_images_carry_the_weights_of_their_persons() -> None:
    one = drawn(BY_NAME["weighted"], seed=2)
    matched = matched_of(one, BY_NAME["weighted"].groups)
    assert matched.weight is not None
    assert matched.weight.mean() == pytest.approx(1)
    assert matched.first[:, 0].tolist() == (one.scores[0] >= 0.5).tolist()
    assert matched_of(drawn(BY_NAME["persons"], seed=2), BY_NAME["persons"].groups).weight is None


def test_every_case_has_a_row_a_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """20 audits: a size of .05 gives more than 5 of 20 in one of 4,000 cases."""
    monkeypatch.setattr(hard_cases, "CURVES", ("unequal",))
    monkeypatch.setattr(hard_cases, "ALIKE_DRAWS", 50)
    table = hard_case_table(audits=20).set_index(["scenario", "figure"])
    assert set(table.index.get_level_values(0)) == {"unequal", MIXED, "persons", "weighted", ALIKE}
    sizes = table[table.index.get_level_values(1).str.contains("without|some adjusted")]
    assert (sizes["value"] <= 0.25).all()
    covered = table[table.index.get_level_values(1).str.startswith("coverage")]
    assert (covered["value"] >= 0.75).all()
    assert (covered["of"] == 20).all()
    assert table.loc[ALIKE]["of"].tolist() == [1000, 1000, 1000]
    # Three standard errors above .05, of 1,000: .07.
    assert table["value"].loc[ALIKE].tolist()[0] < 0.07
