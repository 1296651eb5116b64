from __future__ import annotations

from types import SimpleNamespace

import pandas as pd

from probes.measures.handed_over import estimands_table, join_scalars, scalars_table
from probes.records import ALL, MISSING, empty_table

COLUMNS = list(empty_table("scalars", ["gender"]).columns)


def part(item: str, gender: list[str], **more: object) -> pd.DataFrame:
    n = len(gender)
    images = [f"{item}{i}" for i in range(n)]
    row = {"template": "plain", "item": item, "k": float("nan"), "side": "", "image": images,
           "cluster": "c", "n": 1, "value": 0.5, **more}  # fmt: skip
    return pd.DataFrame(row).assign(gender=pd.Categorical(gender))


def results(*parts: pd.DataFrame) -> SimpleNamespace:
    probe, context = SimpleNamespace(name="p", kind="ranking"), SimpleNamespace(weights=None)
    return SimpleNamespace(
        probe=probe, columns=["gender"], scalars=list(parts), estimands=[{"metric": "m"}], context=context
    )


def test_parts_are_stacked_in_the_columns_of_the_contract() -> None:
    table = scalars_table(results(part("red", ["man", "woman"]), part("blue", ["woman"], k=5)))  # type: ignore[arg-type]
    assert list(table.columns) == COLUMNS and set(table["probe"]) == {"p"}
    assert table["item"].tolist() == ["red", "red", "blue"]
    assert table["gender"].tolist() == ["man", "woman", "woman"]
    assert table["k"].tolist()[2] == 5 and table["k"].isna().tolist()[:2] == [True, True]
    # Words are categories of all parts, numbers have their types.
    assert isinstance(table["item"].dtype, pd.CategoricalDtype) and table["n"].dtype == "int64"


def test_estimands_name_their_probe_and_kind() -> None:
    table = estimands_table(results())  # type: ignore[arg-type]
    assert table[["metric", "probe", "kind"]].to_numpy().tolist() == [["m", "p", "ranking"]]


def test_scalars_of_several_probes_are_all_where_a_probe_does_not_compare() -> None:
    one = scalars_table(results(part("red", ["man"])))  # type: ignore[arg-type]
    other = one.drop(columns="gender").assign(probe=pd.Categorical(["q"]))
    table = join_scalars([one, other], {"gender": ["woman", "man"]})
    assert table["gender"].tolist() == ["man", ALL]
    assert table["gender"].cat.categories.tolist() == ["woman", "man", MISSING, ALL]
    assert list(join_scalars([], {"gender": []}).columns) == COLUMNS
