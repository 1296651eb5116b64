"""Every block of code in the gallery of figures runs, and draws."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest

from tests.audit.support.invented_audit import invented_result

DOCS = Path(__file__).parents[2] / "docs"
BLOCKS = re.findall(r"```python\n(.*?)```", (DOCS / "gallery.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def names() -> Iterator[dict[str, Any]]:
    yield {"result": invented_result(), "plt": plt}
    plt.close("all")


@pytest.mark.parametrize("code", BLOCKS[1:], ids=range(1, len(BLOCKS)))
def test_the_code_of_a_figure_runs(code: str, names: dict[str, Any]) -> None:
    exec(compile(code, "gallery.md", "exec"), names)  # the documentation's own code
    assert any(ax.has_data() for number in plt.get_fignums() for ax in plt.figure(number).axes)


def test_every_figure_of_the_gallery_is_there() -> None:
    shown = re.findall(r"\((images/gallery/\d\.svg)\)", (DOCS / "gallery.md").read_text(encoding="utf-8"))
    assert len(shown) == len(BLOCKS) - 1
    assert all((DOCS / path).is_file() for path in shown)
