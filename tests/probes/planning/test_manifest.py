"""The manifest of a small run: what it says of suite, model, data and probes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from probes.datasets.formats.table import TableDataset
from probes.embeddings.embed import EmbeddingStore
from probes.records import Manifest, check_manifest
from probes.runner import run_suite
from tests.probes.conftest import FakeModel
from tests.probes.measures.colours import COLUMNS, PEOPLE
from tests.probes.planning.test_audit_plan import BARE, PROBE, suite_of

Made = Callable[..., Manifest]


@pytest.fixture
def made(write_table: Callable[[pd.DataFrame], Path], model: FakeModel, store: EmbeddingStore) -> Made:
    data = TableDataset(write_table(pd.DataFrame(PEOPLE, columns=COLUMNS)))
    return lambda *probes: run_suite(suite_of(*probes), model, data, store=store).manifest


def test_a_manifest_is_json_and_keeps_its_types(made: Made) -> None:
    manifest = made(PROBE, BARE)
    check_manifest(json.loads(json.dumps(manifest)))
    assert manifest == made(PROBE, BARE)
    assert (manifest["data"]["n_images"], manifest["data"]["n_unreadable"]) == (12, 0)
    assert manifest["model"]["fingerprint"] == "f" * 64
    assert [(one["name"], one["order"]) for one in manifest["attributes"]] == [("gender", ["man", "woman"])]


def test_the_entry_of_a_probe_that_classifies(made: Made) -> None:
    entry = made(PROBE)["probes"][0]
    assert [design["name"] for design in entry["designs"]] == ["default", "small"]
    assert entry["sets"]["harm: non-human"] == ["ape"]  # of all designs
    (red,) = [one for one in entry["classes"] if one["name"] == "red"]
    assert (red["set"], red["truth"]) == ("identity", "red")
    assert red["prompts"] == ["a red", "a photo of a red"]
    harm = {one["name"]: one for one in entry["outcomes"]}["harm"]
    assert (harm["kind"], harm["harmful"], harm["sets"]) == ("set", True, ["harm: crime", "harm: non-human"])
    # 2 designs x 2 templates x 3 rules and thresholds.
    assert len(entry["specifications"]) == 12 and entry["specifications"][0] == [
        "default",
        "plain",
        "argmax",
        None,
    ]


def test_the_entry_of_another_kind_has_its_settings_and_words(made: Made) -> None:
    entry = made(BARE)["probes"][0]
    assert entry["settings"] == {"neutral": "a person", "marked": ["a red"]}
    assert entry["prompts"] == ["a person", "a red"] and entry["where_text"] == "gender is man"
    assert entry["units"] == {"unmarked share": "share"}


def test_the_digest_of_the_prompts_changes_with_a_prompt_only(made: Made) -> None:
    plain: dict[str, Any] = {**PROBE, "rules": ["argmax"]}
    digest = made(plain)["prompts_sha256"]
    assert made({**plain, "groups": [["region"]]})["prompts_sha256"] == digest
    assert made({**plain, "templates": ["plain"]})["prompts_sha256"] != digest
