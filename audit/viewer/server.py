"""A local page with the images of a cell: 127.0.0.1 only, behind a token, and nothing but those images.

What a request may reach is a table of image digests to rows of the data set, made when the server starts:
no part of an address is ever a path. Images are sent small and blurred; one is shown clearly when asked for.
"""

from __future__ import annotations

import io
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Protocol
from urllib.parse import parse_qs, urlsplit

from PIL import Image, ImageFilter

from audit.result import AuditResult
from audit.viewer.cell_images import chosen_images
from audit.viewer.page import choice_of, render
from clipmodel.errors import UserError

HOST: Final = "127.0.0.1"
SIDE_PX: Final = 192
"""Longer side of an image on the page."""
BLUR_PX: Final = 9.0
PER_PAGE: Final = 48
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Images(Protocol):
    """What the viewer needs of a data set."""

    def open_image(self, row: int) -> Image.Image:
        """The decoded image of a row."""


@dataclass(frozen=True, kw_only=True)
class View:
    """What one server shows.

    Attributes
    ----------
    result, against
        The audit, and another one of the same images for disagreements of two models.
    images
        The data set.
    rows
        Image digest, as in `AuditResult.outcomes` -> row of the data set.
    """

    result: AuditResult
    images: Images
    rows: Mapping[str, int]
    against: AuditResult | None = None


class Server(ThreadingHTTPServer):
    """Serves a `View` on 127.0.0.1; `address` holds the token.

    Parameters
    ----------
    view
        What is shown.
    port
        0 takes a free one.
    """

    daemon_threads = True

    def __init__(self, view: View, *, port: int = 0) -> None:
        # 24 random bytes: a page of another site cannot guess it.
        self.view, self.token = view, secrets.token_urlsafe(24)
        super().__init__((HOST, port), _Handler)

    @property
    def origin(self) -> str:
        """The only origin that is answered."""
        return f"http://{HOST}:{self.server_port}"

    @property
    def address(self) -> str:
        """What to open in a browser."""
        return f"{self.origin}/?token={self.token}"


class _Handler(BaseHTTPRequestHandler):
    server: Server
    server_version, sys_version = "clip-audit", ""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if (refusal := self._refusal(query)) is not None:
            self._send(HTTPStatus.FORBIDDEN, "text/plain", refusal.encode())
        elif parts.path == "/":
            self._page(query)
        elif parts.path == "/image" and (row := self.server.view.rows.get(query.get("id", ""))) is not None:
            self._image(row, clear=query.get("clear") == "1")
        else:
            self._send(HTTPStatus.NOT_FOUND, "text/plain", b"nothing of that name")

    def _refusal(self, query: Mapping[str, str]) -> str | None:
        """Why a request is refused: another host (DNS rebinding), another site, or no token."""
        # DNS rebinding: a name of another site may be made to point at 127.0.0.1, but its Host header says
        # so.
        if self.headers.get("Host") != f"{HOST}:{self.server.server_port}":
            return "another host"
        if self.headers.get("Origin") not in (None, self.server.origin):
            return "another origin"
        # Sent by browsers alone; other clients leave it out and need the token anyway.
        if self.headers.get("Sec-Fetch-Site") not in (None, "none", "same-origin"):
            return "another site"
        # In constant time, so that the answer's delay says nothing of the token.
        if not secrets.compare_digest(query.get("token", "").encode(), self.server.token.encode()):
            return "no token: open the address that clip-audit view printed"
        return None

    def _page(self, query: Mapping[str, str]) -> None:
        view = self.server.view
        try:
            choice = choice_of(view.result, query)
            chosen = chosen_images(view.result, choice, against=view.against)
        except UserError as error:
            self._send(HTTPStatus.BAD_REQUEST, "text/plain", error.message.encode())
            return
        shown = chosen[chosen["image"].isin(set(view.rows))]
        number = query.get("page", "0")
        page = int(number) if number.isascii() and number.isdecimal() else 0
        text = render(
            view.result, choice, shown.iloc[page * PER_PAGE : (page + 1) * PER_PAGE],
            total=len(shown), missing=len(chosen) - len(shown), page=page, per_page=PER_PAGE,
            token=self.server.token, two_audits=view.against is not None,
        )  # fmt: skip
        self._send(HTTPStatus.OK, "text/html; charset=utf-8", text.encode())

    def _image(self, row: int, *, clear: bool) -> None:
        try:
            image = self.server.view.images.open_image(row).convert("RGB")
        except (OSError, ValueError) as error:
            self._send(HTTPStatus.NOT_FOUND, "text/plain", f"unreadable: {error}".encode())
            return
        # Clear images are small too: the page is for looking, not for copying data.
        image.thumbnail((SIDE_PX, SIDE_PX))
        if not clear:
            image = image.filter(ImageFilter.GaussianBlur(BLUR_PX))
        buffer = io.BytesIO()
        image.save(buffer, "PNG")  # made anew: nothing that the file says of itself is passed on
        self._send(HTTPStatus.OK, "image/png", buffer.getvalue())

    def _send(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the token out of the terminal."""
