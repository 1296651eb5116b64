"""The figures of an audit as files for a paper: SVG, PDF with embedded fonts, PNG; and tables in LaTeX."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from audit import figures
from audit.figures import svg
from audit.figures.svg import LIGHT, ROLES
from audit.formatting import words
from audit.result import AuditResult
from audit.tables.primary import of_specification, primary_specification, single_attributes

FORMATS: Final = ("svg", "pdf", "png")
DPI: Final = 300
FONTS: Final = (
    "DejaVu Sans",
    "Noto Sans",
    "NanumGothic",
    "Noto Sans Arabic",
    "Noto Sans Hebrew",
    "sans-serif",
)
"""Tried in this order for each letter; those that the machine lacks are left out by matplotlib."""

_COLOURS: Final = {stand_in: LIGHT[role] for role, stand_in in ROLES.items()}
_PROPERTIES: Final = ("color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor")
_LATEX: Final = str.maketrans(
    {"\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{",
     "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
)  # fmt: skip


@contextmanager
def captured() -> Iterator[dict[str, Figure]]:
    """Keep the matplotlib figures that are drawn inside, by their name."""
    found: dict[str, Figure] = {}
    token = svg.CAPTURED.set(found)
    try:
        yield found
    finally:
        svg.CAPTURED.reset(token)


def figures_of(result: AuditResult) -> dict[str, Figure]:
    """Return rates and differences of every outcome of people in the first specification, by file name."""
    with captured() as found:
        for probe in result.manifest["probes"]:
            primary = primary_specification(result.rates, probe=probe)
            people = single_attributes(probe, result.manifest)
            if primary is None or not people:
                continue
            rates, gaps = (of_specification(table, primary) for table in (result.rates, result.gaps))
            for outcome in probe["outcomes"]:
                title = f"{words(probe['name'])}, {words(outcome['name'])}"
                stem = f"{probe['name']}-{outcome['name']}"
                own = rates[rates["outcome"] == outcome["name"]]
                figures.rate_forest(
                    own, attributes=people, name=f"{stem}-rates", title=title, axis="% of the group's images"
                )
                compared = gaps[(gaps["outcome"] == outcome["name"]) & gaps["by"].isin(people)]
                if len(compared):
                    figures.difference_forest(compared, name=f"{stem}-gaps", title=title)
    return found


def save(figure: Figure, path: Path, *, width_inches: float | None = None) -> None:
    """Write a captured figure in light colours; the format is that of the file's name.

    Parameters
    ----------
    width_inches
        Everything is scaled to it, lettering included; None keeps the size of the report, 4.5 inches.
    """
    _in_light_colours(figure)
    if width_inches is not None:
        _scale(figure, width_inches / figure.get_figwidth())
    settings: dict[Any, Any] = {"pdf.fonttype": 42, "svg.fonttype": "none", "svg.hashsalt": path.stem,
                                "font.family": list(FONTS)}  # fmt: skip
    # No date: the same audit gives the same bytes.
    metadata = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(path.suffix[1:])
    with mpl.rc_context(settings):
        figure.savefig(path, dpi=DPI, facecolor="white", metadata=metadata)


def write_figures(
    result: AuditResult, folder: Path, *, formats: Sequence[str] = FORMATS, width_inches: float | None = None
) -> list[str]:
    """Write every figure in every format, and findings.tex; return the names of the files."""
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for name, figure in figures_of(result).items():
        safe = "".join(sign if sign.isalnum() or sign in "-_" else "-" for sign in name)
        if width_inches is not None:
            _scale(figure, width_inches / figure.get_figwidth())
        for suffix in formats:
            save(figure, folder / f"{safe}.{suffix}")
            names.append(f"{safe}.{suffix}")
    columns = ["id", "probe", "outcome", "group", "reference", "difference", "low", "high", "p_adjusted"]
    table = latex_table(result.findings[columns], caption="Findings after correction for multiplicity")
    (folder / "findings.tex").write_text(table, encoding="utf-8")
    return [*names, "findings.tex"]


def latex_table(frame: pd.DataFrame, *, caption: str) -> str:
    r"""Return a frame as a LaTeX table for booktabs; every sign is escaped, numbers have three decimals.

    Examples
    --------
    >>> "a\\_b" in latex_table(pd.DataFrame({"group": ["a_b"]}), caption="One")
    True
    """
    numbers = ["r" if frame[name].dtype.kind in "iuf" else "l" for name in frame.columns]
    rows = [" & ".join(_latex(value) for value in row) + r" \\" for row in frame.itertuples(index=False)]
    head = " & ".join(_latex(str(name).replace("_", " ")) for name in frame.columns) + r" \\"
    return "\n".join(
        [r"\begin{table}", r"\centering", rf"\caption{{{_latex(caption)}}}",
         rf"\begin{{tabular}}{{{''.join(numbers)}}}", r"\toprule", head, r"\midrule", *rows, r"\bottomrule",
         r"\end{tabular}", r"\end{table}", ""]
    )  # fmt: skip


def _latex(value: object) -> str:
    if isinstance(value, float):
        return "--" if value != value else f"{value:.3f}"
    return str(value).translate(_LATEX)


def _in_light_colours(figure: Figure) -> None:
    for artist in figure.findobj():
        # The ground of a text is no child of it.
        ground = artist.get_bbox_patch() if isinstance(artist, Text) else None
        for one in (artist, *([] if ground is None else [ground])):
            for name in _PROPERTIES:
                _recolour(one, name)


def _recolour(artist: Artist, name: str) -> None:
    read: Callable[[], Any] | None = getattr(artist, f"get_{name}", None)
    write: Callable[[Any], Any] | None = getattr(artist, f"set_{name}", None)
    if read is None or write is None:
        return
    try:
        plain = _COLOURS.get(to_hex(read()))
    except (TypeError, ValueError):  # a collection has an array of colours, "none" is no colour
        values = copy.copy(read())
        if hasattr(values, "__len__") and len(values) == 1 and not isinstance(values, str):
            plain = _COLOURS.get(to_hex(values[0]))
        else:
            return
    if plain is not None:
        write(plain)


def _scale(figure: Figure, factor: float) -> None:
    figure.set_size_inches(figure.get_figwidth() * factor, figure.get_figheight() * factor)
    for artist in figure.findobj():
        for name in ("fontsize", "linewidth", "markersize", "markeredgewidth"):
            read, write = getattr(artist, f"get_{name}", None), getattr(artist, f"set_{name}", None)
            if read is not None and write is not None and isinstance(read(), int | float):
                write(read() * factor)
