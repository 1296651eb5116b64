from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from audit.cli import app
from audit.commands.figures import inches
from clipmodel.errors import UserError
from tests.audit.support.invented_audit import invented_result


@pytest.mark.parametrize(
    ("width", "expected"), [("3.3in", 3.3), ("2.54 cm", 1.0), (" 85mm", 85 / 25.4), ("72.27pt", 1.0)]
)
def test_widths_in_inches(width: str, expected: float) -> None:
    assert inches(width) == pytest.approx(expected)


@pytest.mark.parametrize("width", ["3.3", "in", "3..3in", "0in", "31in", "-4in", "4ft"])
def test_a_width_that_is_none_is_refused(width: str) -> None:
    with pytest.raises(UserError, match=r"expected a width such as 3\.3in"):
        inches(width)


def test_an_unknown_format_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["figures", str(tmp_path / "nowhere"), "--format", "svg,gif"])
    assert done.exit_code == 2 and "unknown 'gif'" in done.output


def test_files_are_written_beside_the_audit(tmp_path: Path) -> None:
    invented_result().write(tmp_path)
    done = CliRunner().invoke(app, ["figures", str(tmp_path), "--format", "svg"], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert f"{len(names)} files in" in done.output
    assert {Path(name).suffix for name in names} == {".svg", ".tex"}
