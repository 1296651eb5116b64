"""Which specification is told first, and which attributes are of the people shown."""

from __future__ import annotations

import numpy as np
import pandas as pd

from audit.tables.primary import (
    attribute_columns,
    image_attributes,
    of_people,
    of_specification,
    pairs_of_attributes,
    primary_specification,
    single_attributes,
    specifications,
)

MANIFEST = {
    "attributes": [
        {"name": "split", "of": "image"},
        {"name": "skin_tone", "of": "person"},
        {"name": "gender", "of": "person"},
    ]
}
PROBE = {
    "name": "work",
    "designs": [{"name": "default"}, {"name": "with_child"}],
    "templates": ["plain", "photo"],
    "groups": [["split"], ["skin_tone"], ["gender"], ["skin_tone", "gender"], ["split", "gender"]],
}
FRAME = pd.DataFrame(
    [("work", "with_child", "plain", "argmax", np.nan), ("work", "default", "photo", "argmax", np.nan),
     ("work", "default", "plain", "probability", 0.5), ("work", "default", "plain", "argmax", np.nan),
     ("work", "default", "plain", "argmax", np.nan), ("other", "default", "plain", "argmax", np.nan)],
    columns=["probe", "design", "template", "rule", "threshold"],
).assign(row=range(6))  # fmt: skip


def test_the_first_design_and_template_of_the_suite_under_argmax_come_first() -> None:
    found = primary_specification(FRAME, probe=PROBE)
    assert found is not None
    assert [found[name] for name in ("design", "template", "rule")] == ["default", "plain", "argmax"]
    # Without that row: argmax goes before the order of the designs.
    assert primary_specification(FRAME.iloc[[0, 2]], probe=PROBE)["design"] == "with_child"
    assert primary_specification(FRAME.iloc[[5]], probe=PROBE) is None


def test_a_specification_selects_its_rows_without_a_threshold_too() -> None:
    assert of_specification(FRAME, specifications(FRAME, probe="work")[3])["row"].tolist() == [3, 4]
    assert of_specification(FRAME, specifications(FRAME, probe="work")[2])["row"].tolist() == [2]
    assert len(specifications(FRAME, probe="work")) == 4


def test_a_design_that_the_suite_does_not_name_comes_last() -> None:
    frame = FRAME.iloc[[0]].assign(design="unknown")
    both = pd.concat([frame, FRAME.iloc[[0]]])
    assert primary_specification(both, probe=PROBE)["design"] == "with_child"


def test_attributes_of_images_are_kept_from_those_of_people() -> None:
    assert attribute_columns({"probes": [PROBE]}) == ["split", "skin_tone", "gender"]
    assert single_attributes(PROBE, MANIFEST) == ["skin_tone", "gender"]
    assert single_attributes(PROBE, MANIFEST, of_people=False) == ["split"]
    assert pairs_of_attributes(PROBE, MANIFEST) == [("skin_tone", "gender")]
    by = pd.DataFrame({"by": ["gender", "split", "split x gender", "skin_tone x gender"]})
    assert of_people(by, MANIFEST).tolist() == [True, False, False, True]
    assert of_people(by.iloc[:0], MANIFEST).dtype == bool


def test_the_manifest_decides_what_is_of_the_image_and_no_name() -> None:
    # In other data a split may be of persons, and the camera is the image's.
    manifest = {"attributes": [{"name": "split", "of": "person"}, {"name": "camera", "of": "image"}]}
    assert image_attributes(manifest) == {"camera"}
    assert single_attributes(PROBE, manifest) == ["split", "skin_tone", "gender"]
