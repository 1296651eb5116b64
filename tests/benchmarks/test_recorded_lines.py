"""Lines of results are kept by their first cell."""

from __future__ import annotations

from pathlib import Path

from benchmarks.recorded_lines import record


def test_a_record_replaces_the_line_of_its_kind(tmp_path: Path) -> None:
    for kind, n in (("images", "10"), ("tables", "20"), ("images", "30")):
        record((kind, n), header=("kind", "cases"), name="fuzz", title="Counts", folder=tmp_path)
    lines = (tmp_path / "fuzz.md").read_text().splitlines()
    assert lines[:3] == ["# Counts", "", "`python -m benchmarks.fuzz`"]
    rows = [[cell.strip() for cell in row.split("|")[1:3]] for row in lines if row.startswith("| ")]
    assert rows == [["kind", "cases"], ["---", "---"], ["images", "30"], ["tables", "20"]]
