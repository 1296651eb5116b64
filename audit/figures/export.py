"""The figures of an audit as files for a paper: SVG, PDF with embedded fonts, PNG; and tables in LaTeX.

The drawings of the report, drawn by matplotlib.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle
from matplotlib.path import Path as Outline
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Affine2D

from audit import figures
from audit.figures import svg
from audit.figures.colours import LIGHT
from audit.figures.drawing import Area, Box, Drawing, Item, Label, Line, Marks
from audit.figures.marker_shapes import SHAPES
from audit.figures.svg import HALO_POINTS
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

_LATEX: Final = str.maketrans(
    {"\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{",
     "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
)  # fmt: skip


@contextmanager
def captured() -> Iterator[dict[str, Drawing]]:
    """Keep the drawings that are made inside, by their name."""
    found: dict[str, Drawing] = {}
    token = svg.CAPTURED.set(found)
    try:
        yield found
    finally:
        svg.CAPTURED.reset(token)


def figures_of(result: AuditResult) -> dict[str, Drawing]:
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


def as_matplotlib(drawing: Drawing, *, width_inches: float | None = None) -> Figure:
    """Return a drawing as a matplotlib figure, in light colours.

    Parameters
    ----------
    width_inches
        Everything is scaled to it, lettering included; None keeps the size of the report, 4.5 inches.
    """
    factor = 1.0 if width_inches is None else 72 * width_inches / drawing.width
    figure = Figure(figsize=(factor * drawing.width / 72, factor * drawing.height / 72))
    # The y axis points down, as in SVG.
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0), xlim=(0, drawing.width), ylim=(drawing.height, 0))
    axes.set_axis_off()
    clip = None
    if drawing.clip is not None:
        x, y, width, height = drawing.clip
        clip = Rectangle((x, y), width, height, transform=axes.transData)
    for level, item in enumerate(drawing.in_order()):
        for artist in _artists(axes, item, factor):
            artist.set_zorder(level)
            artist.set_clip_on(False)
            if clip is not None and getattr(item, "clipped", False):
                artist.set_clip_path(clip)
                artist.set_clip_on(True)
    return figure


def save(drawing: Drawing, path: Path, *, width_inches: float | None = None) -> None:
    """Write a drawing, at a width as in `as_matplotlib`; the format is that of the file's name."""
    # Type 42 embeds TrueType outlines, which publishers ask for; "none" keeps SVG text as text; the salt
    # makes the ids of an SVG the same in every run.
    settings: dict[Any, Any] = {"pdf.fonttype": 42, "svg.fonttype": "none", "svg.hashsalt": path.stem,
                                "font.family": list(FONTS)}  # fmt: skip
    # No date: the same audit gives the same bytes.
    metadata = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(path.suffix[1:])
    with mpl.rc_context(settings):
        figure = as_matplotlib(drawing, width_inches=width_inches)
        figure.savefig(path, dpi=DPI, facecolor="white", metadata=metadata)


def write_figures(
    result: AuditResult, folder: Path, *, formats: Sequence[str] = FORMATS, width_inches: float | None = None
) -> list[str]:
    """Write every figure in every format, and findings.tex; return the names of the files."""
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for name, drawing in figures_of(result).items():
        # Names of probes and outcomes may hold signs that no file name may.
        safe = "".join(sign if sign.isalnum() or sign in "-_" else "-" for sign in name)
        for suffix in formats:
            save(drawing, folder / f"{safe}.{suffix}", width_inches=width_inches)
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


def _artists(axes: Axes, item: Item, factor: float) -> list[Artist]:
    """An item as matplotlib draws it; coordinates scale with the figure, widths and sizes by the factor."""
    match item:
        case Line():
            look = {"color": LIGHT[item.role], "linewidth": factor * item.width, "alpha": item.opacity,
                    "solid_capstyle": "butt", "linestyle": _dashes(item)}  # fmt: skip
            return [line for part in item.parts for line in axes.plot(*zip(*part, strict=True), **look)]
        case Marks():
            return list(
                axes.plot(
                    *zip(*item.points, strict=True), linestyle="none", marker=_marker(item.shape),
                    markersize=factor * item.size * _extent(item.shape), color=_light(item.role),
                    markerfacecolor=_light(item.fill), markeredgewidth=factor * item.edge_width,
                )
            )  # fmt: skip
        case Area():
            return [
                axes.add_patch(Polygon(item.outline, color=LIGHT[item.role], alpha=item.opacity, linewidth=0))
            ]
        case Box():
            look = {"facecolor": _light(item.fill), "edgecolor": _light(item.edge),
                    "linewidth": factor * item.edge_width}  # fmt: skip
            boxes = [Rectangle(item.corner, item.width, item.height, **look)]
            if item.hatched:
                hatched: dict[str, Any] = {
                    "hatch": "////",
                    "edgecolor": LIGHT["muted"],
                    "facecolor": "none",
                    "linewidth": 0,
                }
                boxes.append(Rectangle(item.corner, item.width, item.height, **hatched))
            return [axes.add_patch(box) for box in boxes]
        case Label():
            return [_text(axes, item, factor)]


def _text(axes: Axes, label: Label, factor: float) -> Artist:
    text = axes.text(
        # A dollar sign in a group's name must not start a formula.
        *label.place, label.text, fontsize=factor * label.size, color=LIGHT[label.role], va="baseline",
        ha={"start": "left", "middle": "center", "end": "right"}[label.anchor], parse_math=False,
        weight="bold" if label.bold else "normal", rotation=90 if label.turned else 0,
        rotation_mode="anchor",
    )  # fmt: skip
    if label.halo:
        text.set_path_effects([withStroke(linewidth=factor * HALO_POINTS, foreground=LIGHT[label.halo])])
    return text


def _light(role: str) -> str:
    return LIGHT.get(role, "none")


def _dashes(line: Line) -> Any:
    """matplotlib counts dashes in widths of their line."""
    return (0, [part / line.width for part in line.dash]) if line.dash else "-"


def _marker(shape: str) -> Any:
    if not (corners := SHAPES[shape]):
        return "o"
    # The corners are written for SVG, whose y axis points down.
    upwards = Affine2D().scale(1, -1)
    return Outline([*corners, corners[0]], closed=True).transformed(upwards)


def _extent(shape: str) -> float:
    """matplotlib scales a path so that its farthest coordinate is half of the size."""
    return 2 * max((abs(one) for corner in SHAPES[shape] for one in corner), default=0.5)
