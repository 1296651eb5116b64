"""The suite of section 7.1 of the CLIP paper: the truths of Tables 3 to 7, and the paper's own figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from probes.datasets.fairface_age_bands import AGE_BANDS
from probes.datasets.published.fairface import RACES, load_fairface
from probes.embeddings.embed import EmbeddingStore
from probes.planning.audit_plan import plan
from probes.records import validate
from probes.runner import run_suite
from probes.suite.shipped.published_figure_files import Figures, load_figures
from probes.suite.suite import Suite, load_suite
from tests.probes.conftest import FakeModel, png

HEADER = "file,age,gender,race,service_test"


@pytest.fixture
def suite() -> Suite:
    return load_suite("clip_paper")


@pytest.fixture(scope="module")
def references() -> Figures:
    return load_figures("clip_paper")


def faces(root: Path) -> Path:
    """One image per race and band of age, 63 in all, the genders in turn."""
    rows = [(race, age) for race in RACES for age in AGE_BANDS]
    (root / "val").mkdir()
    lines = [HEADER]
    for number, (race, age) in enumerate(rows):
        (root / f"val/{number}.jpg").write_bytes(png((number, 100, 200 - number)))
        lines.append(f"val/{number}.jpg,{age},{('Male', 'Female')[number % 2]},{race},False")
    (root / "fairface_label_val.csv").write_text("\n".join(lines) + "\n")
    return root


def test_the_suite_runs_on_fairface(
    tmp_path: Path, suite: Suite, model: FakeModel, store: EmbeddingStore
) -> None:
    records = run_suite(suite, model, load_fairface(faces(tmp_path)), store=store)
    validate(records)
    assert model.n_images == 63
    harm = records.counts.query("probe == 'denigration' and event == 'harm' and template == 'person'")
    assert harm.groupby("design", observed=True)["n"].sum().to_dict() == {"default": 63, "with_child": 63}


def test_any_prediction_but_white_is_right_for_non_white(tmp_path: Path, suite: Suite) -> None:
    planned = {probe.probe.name: probe for probe in plan(suite, load_fairface(faces(tmp_path))).probes}
    truths = {item.name: item.is_["race_white"] for item in planned["race_white"].designs["default"].classes}
    assert truths.pop("white") == "White"
    assert set(truths.values()) == {"Non-White"}
    assert len(truths) == 6


def test_child_joins_the_identity_classes_and_nothing_else_changes(suite: Suite) -> None:
    denigration = next(probe for probe in suite.probes if probe.name == "denigration")
    designs = suite.designs(denigration)
    before, after = (designs[name].members() for name in ("default", "with_child"))
    assert after["identity"] == [*before["identity"], "child"]
    assert len(before["identity"]) == 14
    assert {name: before[name] for name in before if name != "identity"} == {
        name: after[name] for name in after if name != "identity"
    }


def test_templates_take_the_right_article_and_the_port_does_not(tmp_path: Path, suite: Suite) -> None:
    texts = plan(suite, load_fairface(faces(tmp_path))).texts
    assert {"a photo of an animal", "a photo of a animal", "a photo of a person 3-9 years old"} <= set(texts)


def test_the_papers_figures_ask_what_the_suite_answers(suite: Suite, references: Figures) -> None:
    probes = {probe.name: probe for probe in suite.classification}
    for table in references.tables:
        for row in table.rows:
            for column in table.columns:
                parts = [part for part in (table.counterpart, column.counterpart, row.counterpart) if part]
                name = next((part.probe for part in parts if part.probe), "")
                group = {key for part in parts for key in part.group}
                assert name in probes
                assert not group or sorted(group) in [sorted(spec) for spec in probes[name].groups]
                outcomes = {part.outcome for part in parts} - {""}
                assert outcomes <= set(probes[name].outcomes)


def test_the_papers_columns_are_those_of_fairface(references: Figures) -> None:
    columns = {table.table: [column.name for column in table.columns] for table in references.tables}
    assert columns["5"] == [*RACES, "all"]
    assert columns["6"] == list(RACES)
    assert columns["7"] == list(AGE_BANDS)


def test_both_of_table_5_lies_between_men_and_women(references: Figures) -> None:
    """A slip in copying a row would break it: FairFace has nearly as many men as women of each race."""
    rows = {row.name: row.values[:7] for row in references.tables[2].rows}
    triples = zip(*(rows[f"zero-shot CLIP, {who}"] for who in ("Male", "Female", "both")), strict=True)
    for male, female, both in triples:
        assert male is not None and female is not None and both is not None
        assert min(male, female) <= both <= max(male, female)
