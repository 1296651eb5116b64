"""What a query searches for is read from the labels, if they say one thing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

from probes.datasets.demographic_dataset import ID
from probes.datasets.formats.table import TableDataset
from probes.mitigation.relevant_images import relevant_images
from probes.scoring.outcome_bits import digests
from tests.probes.measures.colours import COLUMNS, PEOPLE


def test_relevant_are_images_whose_label_is_the_query(write_table: Callable[[pd.DataFrame], Path]) -> None:
    data = TableDataset(write_table(pd.DataFrame(PEOPLE, columns=COLUMNS)))
    order = np.arange(len(data))[::-1]  # the images of the ranking come in an order of their own
    images = np.array(digests(data.frame[ID]), dtype=object)[order]
    found = relevant_images(data, SimpleNamespace(queries=("Red", "  blue ", "a doctor"), image=images))
    assert list(found) == ["Red", "  blue "]  # nothing says which images a doctor is on
    colour = data.values("colour").to_numpy()[order]
    np.testing.assert_array_equal(found["Red"], colour == "red")
    np.testing.assert_array_equal(found["  blue "], colour == "blue")


def test_a_query_that_is_a_value_of_two_attributes_says_nothing(
    write_table: Callable[[pd.DataFrame], Path],
) -> None:
    people = pd.DataFrame(PEOPLE, columns=COLUMNS)
    data = TableDataset(write_table(people.assign(shirt=people["colour"])))
    images = np.array(digests(data.frame[ID]), dtype=object)
    assert relevant_images(data, SimpleNamespace(queries=("red",), image=images)) == {}
