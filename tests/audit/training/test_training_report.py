from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

from audit.training.history import (
    TrainingHistory,
)
from audit.training.training_report import render_training_report, write_curves


def test_the_same_folder_gives_the_same_page(run: Path, page: str) -> None:
    assert render_training_report(TrainingHistory.read(run)) == page


def test_a_run_without_looks_has_a_page_too(run: Path, tmp_path: Path) -> None:
    for name in ("training.json", "log.csv"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    (tmp_path / "measures.csv").write_text("step,epoch,measure,value,n\n")
    page = render_training_report(TrainingHistory.read(tmp_path))
    assert 'id="fig-loss-title"' in page
    assert 'id="accuracy"' not in page
    (tmp_path / "log.csv").write_text("step,loss,learning_rate,logit_scale,epoch,images_per_second\n")
    assert "No step is done yet." in render_training_report(TrainingHistory.read(tmp_path))


def test_curves_are_images_of_their_own(run: Path) -> None:
    paths = write_curves(TrainingHistory.read(run), run)
    assert [path.name for path in paths] == ["loss.svg", "accuracy.svg"]
    for path in paths:
        text = path.read_text()
        root = ET.fromstring(text)
        assert root.tag.endswith("svg")
        assert root.get("width", "").endswith("pt")
        assert "var(" not in text
