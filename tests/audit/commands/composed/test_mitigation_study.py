"""A study as a value: what does not suit the data is a row that says so, and tables come without files."""

from __future__ import annotations

from pathlib import Path

from audit.commands.composed.mitigation_study import MitigationStudy
from probes.datasets import load_dataset
from probes.embeddings.models import model_for
from probes.embeddings.store import EmbeddingStore
from probes.mitigation.apply import embed_suite
from probes.suite.suite import load_suite
from tests.audit.commands.test_mitigate import RANKING
from tests.audit.commands.test_mitigate import folder as folder_of_embeddings

folder = folder_of_embeddings


def study(folder: Path, *, attribute: str) -> MitigationStudy:
    dataset = load_dataset(f"embeddings:{folder / 'e.npz'}")
    embedded = embed_suite(
        load_suite(str(folder / "suite.yaml")), model_for(dataset, None, device="cpu", told={}), dataset,
        store=EmbeddingStore(folder / "c"), captions="job",
    )  # fmt: skip
    return MitigationStudy(
        embedded=embedded, attribute=attribute, words={"Male": ("man",), "Female": ("woman",)}
    )


def test_what_does_not_suit_is_a_row_with_its_reason(folder: Path) -> None:
    own = study(folder, attribute="gender")
    for name in ("none", "det_greedy", "class_design"):
        own.add(name)
    tables = own.tables()
    assert set(tables) == {"mitigation", "cost"}
    notes = dict(zip(tables["cost"]["method"], tables["cost"]["note"], strict=True))
    assert notes["none"] == "" and "no ranking probe" in notes["det_greedy"]
    assert "several class designs" in notes["class_design"]
    assert own.fitted["none"].method == "none"


def test_a_ranking_that_is_not_split_by_the_attribute_is_not_re_ranked(folder: Path) -> None:
    (folder / "suite.yaml").write_text(RANKING, encoding="utf-8")
    own = study(folder, attribute="job")
    own.add("random")
    own.add("det_cons")
    tables = own.tables()
    assert set(tables["ranking"]["method"]) == {"random"} and tables["mitigation"].empty
    assert "split by job" in tables["cost"]["note"].iloc[-1]
    # Accuracy has no place in a suite that only ranks; the recall of captions has.
    assert tables["cost"]["utility_before"].isna().all()
    assert tables["cost"]["image_to_text_before"].iloc[0] > 0.5
