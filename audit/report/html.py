"""From the plain values of a page to its HTML: one self-contained file."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from audit.figures.svg import for_page

SCRIPTS: Final = ("data", "view", "tables", "figures", "explorer", "start")
"""Files of `audit/report/scripts`, in the order in which they need each other."""


def fill_template(name: str, page: Mapping[str, Any], *, data: str, script: str | None = None) -> str:
    """Return a page as HTML, with the style sheet and the script in it.

    Parameters
    ----------
    name
        Of the template.
    page
        What the template shows.
    data
        JSON of the tables that the page offers as a download; see `frames_as_json`.
    script
        The page's own; that of the report by default.
    """
    script = page_script() if script is None else script
    return template(name).render(
        page=page,
        css=Markup(_resource("templates", "report.css")),
        script=Markup(script),
        policy=_policy(script),
        data=Markup(data),
    )


def template(name: str) -> Template:
    """A template, which is compiled once in a process."""
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("audit.report"),
        # Names of groups and data sets come from files of others.
        autoescape=True,
        # A misspelt name in a template fails in the tests instead of leaving a hole in the page.
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["zip"] = zip
    # Drawings are made by `figures.svg`, which escapes every text itself.
    environment.filters["drawn"] = lambda svg: Markup(for_page(svg))
    return environment


def frames_as_json(frames: Mapping[str, pd.DataFrame], *, more: Mapping[str, Any] | None = None) -> str:
    """Return tables as JSON that may stand inside HTML.

    Each table is an object of columns. A column of numbers is a list, NaN written null; a column of words is
    {"words": distinct words, "places": where in them each row points}, which takes a quarter of the room.
    Numbers have six significant digits. `<`, `>` and `&` are written as escapes. `more` is added as it is.
    """
    tables = {name: _columns(frame) for name, frame in frames.items()} | dict(more or {})
    # allow_nan=False: JSON has no NaN, and a browser would refuse the whole page.
    text = json.dumps(tables, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    # "</script>" inside a value would otherwise end the script element that holds the data.
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _columns(frame: pd.DataFrame) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name, column in frame.items():
        if pd.api.types.is_numeric_dtype(column):
            columns[str(name)] = [_digits(value) for value in column.tolist()]
        else:
            places, distinct = pd.factorize(column)
            columns[str(name)] = {"words": distinct.tolist(), "places": places.tolist()}
    return columns


def _digits(value: float) -> float | None:
    if isinstance(value, int):
        # bool is an int here and stays true or false.
        return value
    return None if math.isnan(value) else float(f"{value:.6g}")


def page_script() -> str:
    """Return the script of every page: the files of `audit/report/scripts` in one function."""
    parts = [script_file(name).strip() for name in SCRIPTS]
    return '"use strict";\n(() => {\n' + "\n\n".join(parts) + "\n})();\n"


def script_file(name: str) -> str:
    """Return one file of `audit/report/scripts`."""
    return _resource("scripts", f"{name}.js")


def _resource(folder: str, name: str) -> str:
    return (files("audit.report") / folder / name).read_text(encoding="utf-8")


def _policy(script: str) -> str:
    # Only this very script may run: markup that got in with the data could not start another.
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        # Inline styles are allowed, since each drawing carries some; they can load nothing.
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
