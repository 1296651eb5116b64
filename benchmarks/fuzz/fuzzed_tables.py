"""Damaged tables of images, predictions and scores; damaged embeddings, and shards of the store."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.fuzz.damage import ODD_VALUES, Case, damaged, odd_value
from clipmodel.errors import UserError
from probes.datasets.formats.embeddings import load_embeddings
from probes.datasets.formats.predictions import load_predictions
from probes.datasets.formats.table import TableDataset
from probes.embeddings.shard_files import keys_of, shard_bytes
from probes.embeddings.store import EmbeddingStore
from probes.planning.audit_plan import plan
from probes.planning.cost import estimate
from probes.suite.suite import Suite

ROWS = 12
SPACE = "image model"


def table_case() -> Case:
    """Load a damaged table as images or as predictions and, if it can be, plan a suite on what it holds.

    Half of the cases damage bytes; the others put odd values into cells and names of columns, and write that
    as CSV, TSV or parquet.
    """
    plain = pd.DataFrame(
        {
            "path": [f"{i}.jpg" for i in range(ROWS)], "gender": ["man", "woman"] * (ROWS // 2),
            "age": ["3-9", "10-19", None] * (ROWS // 3), "visible_gender": ["true"] * ROWS,
            "subject_id": [str(i // 2) for i in range(ROWS)],
        }
    )  # fmt: skip
    scores = plain.assign(score_man=np.linspace(0, 1, ROWS).round(3))
    scores["score_woman"] = (1 - scores["score_man"]).round(3)
    tables = [plain, plain.assign(prediction=plain["gender"]), scores]
    seeds = [(ending, _written(table, ending)) for table in tables for ending in (".csv", ".tsv", ".parquet")]

    def run(rng: np.random.Generator, folder: Path) -> None:
        at = int(rng.integers(0, len(seeds)))
        ending, content = seeds[at]
        if rng.random() < 0.5:
            content = damaged(content, rng)
        else:
            content = _written(_odd_cells(tables[at // 3], rng), ending)
        file = folder / f"table{ending}"
        file.write_bytes(content)
        load = TableDataset if rng.random() < 0.5 else load_predictions
        data = load(file)
        for name in data.attributes:
            data.levels(name)
        data.clusters.nunique()
        if {"gender", "age"} <= set(data.attributes):
            estimate(plan(_suite(), data))

    return run


def _suite() -> Suite:
    people = {"man": {"gender": "man"}, "woman": {"gender": "woman"}}
    identity = [{"name": name, "is": truth} for name, truth in people.items()]
    return Suite.model_validate(
        {
            "suite": "fuzz",
            "label_sets": {"own": {"sets": {"identity": identity}}},
            "probes": [
                {
                    "name": "gender", "truth": "gender", "label_set": "own", "groups": [["age"], ["gender"]],
                    "templates": ["plain"], "outcomes": {"misclassified": {}},
                }
            ],
        }
    )  # fmt: skip


def _odd_cells(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    table = table.astype(object)
    for _ in range(int(rng.integers(1, 6))):
        column = table.columns[int(rng.integers(0, table.shape[1]))]
        table.loc[int(rng.integers(0, len(table))), column] = str(odd_value(rng))
    if rng.random() < 0.3:
        words = [value for value in ODD_VALUES if isinstance(value, str)]
        old, new = rng.choice(table.columns), words[int(rng.integers(0, len(words)))]
        table = table.rename(columns={old: new})
    if rng.random() < 0.2:  # another type in a whole column
        column = table.columns[int(rng.integers(0, table.shape[1]))]
        kind = (float, bool, "datetime64[ns]", "category")[int(rng.integers(0, 4))]
        table[column] = pd.Series(np.arange(len(table)) % 3).astype(kind)
    return table


def _written(table: pd.DataFrame, ending: str) -> bytes:
    if ending != ".parquet":
        text = table.to_csv(index=False, sep="\t" if ending == ".tsv" else ",")
        return text.encode("utf-8", "surrogatepass")
    buffer = io.BytesIO()
    table = table.loc[:, ~table.columns.duplicated()]  # which parquet cannot hold
    mixed = [name for name, kind in table.dtypes.items() if kind == np.dtype(object) and name != "embedding"]
    table.astype(dict.fromkeys(mixed, str)).to_parquet(buffer)
    return buffer.getvalue()


def archive_case() -> Case:
    """Load damaged embeddings: npz, parquet, or a shard of the store, which must be worked around."""
    rng = np.random.default_rng(0)
    arrays = {
        "image": rng.normal(size=(6, 4)).astype(np.float32),
        "text": rng.normal(size=(2, 4)).astype(np.float32), "text_name": np.array(["man", "woman"]),
        "gender": np.array(["man", "woman"] * 3),
    }  # fmt: skip
    seeds: list[tuple[str, bytes]] = []
    for save in (np.savez, np.savez_compressed):
        buffer = io.BytesIO()
        save(buffer, **arrays)
        seeds.append((".npz", buffer.getvalue()))
    table = pd.DataFrame({"embedding": list(arrays["image"]), "gender": arrays["gender"]})
    seeds.append((".parquet", _written(table, ".parquet")))
    hashes = [f"{i:064x}" for i in range(6)]
    seeds.append((".arrow", shard_bytes(keys_of(hashes), arrays["image"])))

    def run(rng: np.random.Generator, folder: Path) -> None:
        ending, content = seeds[int(rng.integers(0, len(seeds)))]
        if ending == ".arrow":
            _shard_case(folder, damaged(content, rng), hashes, arrays["image"])
            return
        file = folder / f"embeddings{ending}"
        file.write_bytes(damaged(content, rng))
        load_embeddings(file)

    return run


def _shard_case(folder: Path, content: bytes, hashes: list[str], embeddings: np.ndarray) -> None:
    """A damaged shard is taken out, and what is stored again can be read."""
    store = EmbeddingStore(folder / "cache")
    store.add(SPACE, hashes, embeddings)
    for file in store.files():
        if file.suffix == ".arrow":
            file.write_bytes(content)
    found, known = store.fetch(SPACE, hashes, dim=embeddings.shape[1])
    store.add(SPACE, hashes, embeddings)
    again, all_known = store.fetch(SPACE, hashes, dim=embeddings.shape[1])
    if not (all_known.all() and np.array_equal(again, embeddings)):
        raise AssertionError("the store lost what was added")
    if known.any() and not np.array_equal(found[known], embeddings[known]):
        raise AssertionError("the store gave other numbers than were added")
    if not known.all():
        raise UserError("a damaged shard was left out")
