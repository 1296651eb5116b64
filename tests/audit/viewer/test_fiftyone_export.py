"""The data set for FiftyOne holds the first specification of every outcome, image by image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from audit.viewer.fiftyone_export import write_fiftyone
from clipmodel.errors import UserError
from tests.audit.support.outcomes_of_images import PATTERNS, outcome_rows, result_with


def labelled(**labels: str) -> dict[str, Any]:
    return {name: {"_cls": "Classification", "label": label} for name, label in labels.items()}


def test_samples_are_images_with_their_groups_and_first_outcomes(tmp_path: Path) -> None:
    result = result_with(outcome_rows(PATTERNS))
    files = {name: tmp_path / f"{name}.png" for name in "acd"}  # b is not in the data
    assert write_fiftyone(result, tmp_path / "new" / "set", files=files) == 3
    metadata = json.loads((tmp_path / "new" / "set" / "metadata.json").read_text())
    # Without a "version": so FiftyOne tells this layout from those after it.
    assert metadata == {
        "media_type": "image", "info": {"model": "tiny", "data": "emoji", "suite": "invented"},
    }  # fmt: skip
    samples = json.loads((tmp_path / "new" / "set" / "samples.json").read_text())["samples"]
    common = [{"filepath": str(path.resolve()), "tags": ["clip-audit"]} for path in files.values()]
    # First letters of (wrong, harm): a 1 and 0; c 0 and "-", not asked; d 0 and 1, of unknown sex.
    assert samples == [
        common[0] | labelled(sex="man", skin_tone="dark", job_wrong="happened", job_harm="did not happen"),
        common[1] | labelled(sex="woman", skin_tone="light", job_wrong="did not happen"),
        common[2] | labelled(skin_tone="light", job_wrong="did not happen", job_harm="happened"),
    ]


def test_file_names_are_absolute_and_keep_their_letters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_fiftyone(result_with(outcome_rows(PATTERNS)), Path("set"), files={"a": Path("bilder/blå.png")})
    text = (tmp_path / "set" / "samples.json").read_text(encoding="utf-8")
    assert f'"{tmp_path.resolve()}/bilder/blå.png"' in text


def test_a_second_export_replaces_the_first(tmp_path: Path) -> None:
    result = result_with(outcome_rows(PATTERNS))
    assert write_fiftyone(result, tmp_path, files={"a": Path("a.png"), "b": Path("b.png")}) == 2
    assert write_fiftyone(result, tmp_path, files={}) == 0
    assert json.loads((tmp_path / "samples.json").read_text()) == {"samples": []}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["metadata.json", "samples.json"]


def test_without_outcomes_of_images_nothing_is_written(tmp_path: Path) -> None:
    for outcomes in (None, outcome_rows(PATTERNS).iloc[:0]):
        with pytest.raises(UserError, match="no outcomes of single images"):
            write_fiftyone(result_with(outcomes), tmp_path / "set", files={"a": Path("a.png")})
    assert not (tmp_path / "set").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="choose another folder") as caught:
        write_fiftyone(result_with(outcome_rows(PATTERNS)), tmp_path / "file" / "set", files={})
    assert "file" in caught.value.message
