"""A figure that cannot be drawn is left out of a report, and a warning names it; elsewhere it raises."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from html import escape
from typing import Final, ParamSpec

_replacing: ContextVar[bool] = ContextVar("replacing", default=False)
SAYS: Final = "This figure could not be drawn. Its numbers are in the tables."
Params = ParamSpec("Params")


@contextmanager
def failures_replaced() -> Iterator[None]:
    """Around making a page: a figure that fails becomes a line of text, and a warning names it."""
    token = _replacing.set(True)
    try:
        yield
    finally:
        _replacing.reset(token)


def replaceable(draw: Callable[Params, str]) -> Callable[Params, str]:
    """A function that draws an SVG from `name`, `title` and more; it does not fail in `failures_replaced`."""

    @functools.wraps(draw)
    def drawn(*args: Params.args, **kwargs: Params.kwargs) -> str:
        try:
            return draw(*args, **kwargs)
        # Whatever a figure raises: a report of a long audit must not be lost to one drawing.
        except Exception as error:
            if not _replacing.get():
                raise
            name, title = str(kwargs.get("name", draw.__name__)), str(kwargs.get("title", draw.__name__))
            warnings.warn(
                f"the figure {name!r} could not be drawn ({type(error).__name__}: {error}); "
                "its numbers are in the tables",
                stacklevel=2,
            )
            return _text_figure(name, title)

    return drawn


def _text_figure(name: str, title: str) -> str:
    # Control characters are no XML.
    said = escape("".join(sign for sign in title if sign.isprintable()))
    mark = escape(name, quote=True)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 480 24" '
        f'aria-labelledby="{mark}-title {mark}-desc"><title id="{mark}-title">{said}</title>'
        f'<desc id="{mark}-desc">{SAYS}</desc><text x="0" y="16" font-size="9">{SAYS}</text></svg>'
    )
