from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit.tables.measure_statistics.family import ProbeScalars, grouping, joined, too_few
from probes.records import MISSING
from tests.audit.support.scalar_rows import family_of, scalar_rows

FRAME = scalar_rows({"red": [1, 0, 1], "blue": [0, 0, 1]}, gender=["woman", "man", MISSING])


def test_an_item_is_found_with_its_k_or_else_without() -> None:
    of_five = scalar_rows({"red": [9, 8, 7]}, k=5.0, gender=["woman", "man", "man"])
    scalars = ProbeScalars(pd.concat([FRAME, of_five], ignore_index=True), ["gender"])
    assert scalars.item("plain", "red", 5.0).values.tolist() == [9, 8, 7]
    assert scalars.item("plain", "red", 3.0).values.tolist() == [1, 0, 1]
    assert scalars.item("plain", "red", 5.0) is scalars.item("plain", "red", 5.0)
    assert scalars.items_of("plain") == ["red", "blue", "red"]
    # What no image has is no fault: a flip rate where no two images are a pair.
    none = scalars.item("photo", "red", 5.0)
    assert (none.values.shape, len(none.labels), list(none.labels)) == ((0,), 0, ["gender"])


def test_inside_a_group_and_known() -> None:
    item = ProbeScalars(FRAME, ["gender"]).item("plain", "red", np.nan)
    assert item.inside({"gender": "man"}).tolist() == [False, True, False]
    assert item.inside({}).tolist() == [True] * 3
    assert item.known(["gender"]).tolist() == [True, True, False]


@pytest.mark.parametrize(("cluster", "clustered"), [(None, False), (["a", "b", "a"], True)])
def test_clusters_of_one_image_are_none(cluster: list[str] | None, clustered: bool) -> None:
    # Two items of one image are one image: only a second image makes a cluster.
    frame = scalar_rows({"red": [1, 0, 1], "blue": [0, 0, 1]}, cluster=cluster, gender=["woman"] * 3)
    assert ProbeScalars(frame, ["gender"]).clustered is clustered


def test_the_matrix_holds_the_items_of_the_rows_or_all() -> None:
    family = family_of(FRAME, [{"item": "blue"}])
    values, names, first = family.matrix()
    assert (values.tolist(), names, first.values.tolist()) == ([[0], [0], [1]], ["blue"], [0, 0, 1])
    values, names, _ = family.matrix(every_item=True)
    assert (values.T.tolist(), names) == ([[1, 0, 1], [0, 0, 1]], ["red", "blue"])


def test_items_of_different_images_make_no_matrix() -> None:
    other = scalar_rows({"blue": [0, 1, 0]}, gender=["man"] * 3).assign(
        image=["image 0", "image 1", "image 7"]
    )
    frame = pd.concat([FRAME[FRAME["item"] == "red"], other], ignore_index=True)
    with pytest.raises(ValueError, match="of different images"):
        family_of(frame, [{"item": "red"}, {"item": "blue"}]).matrix()


def test_groups_of_the_rows() -> None:
    rows = [{"item": "red", "gender": "woman"}, {"item": "red", "gender": "man"}]
    assert family_of(FRAME, rows, by=["gender"]).groups() == [{"gender": "woman"}, {"gender": "man"}]
    assert family_of(FRAME, rows).groups() == [{}, {}]
    assert grouping({"gender": "man", "region": "(all)"}, ["gender", "region"]) == ("gender",)


def test_an_estimate_of_too_few_says_how_many_are_needed() -> None:
    row = too_few(n=2, clusters=1, least=3)
    assert (row["n"], row["clusters"], row["note"]) == (2, 1, "fewer than 3 images")
    assert np.isnan([row[name] for name in ("value", "low", "high", "p", "p_adjusted")]).all()
    assert joined("", "one", "", "two") == "one; two"
