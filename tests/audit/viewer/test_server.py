"""The viewer shows the images of a cell to this machine, and to nobody else."""

from __future__ import annotations

import http.client
import io
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from PIL import Image

from audit.commands.view import _rows
from audit.result import AuditResult
from audit.viewer.cell_images import Choice, chosen_images
from audit.viewer.server import HOST, Server, View
from probes.datasets import load_dataset
from tests.audit.commands.conftest import audited_people, small_model

__all__ = ["audited_people", "small_model"]


@pytest.fixture(scope="module")
def served(audited_people: Path) -> Iterator[Server]:
    dataset = load_dataset(f"table:{audited_people / 'people.csv'}")
    view = View(result=AuditResult.read(audited_people / "run"), images=dataset, rows=_rows(dataset))
    with Server(view) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def _get(server: Server, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection(HOST, server.server_port, timeout=20)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, headers=named)
    answer = connection.getresponse()
    return answer.status, answer.read(), dict(answer.getheaders())


def test_it_listens_on_this_machine_alone(served: Server) -> None:
    assert served.server_address[0] == "127.0.0.1"


REFUSED = {
    "no token": ("/", {}, 403),
    "a wrong token": ("/?token=guess", {}, 403),
    "another host": ("/?token={token}", {"Host": "evil.example"}, 403),
    "a rebound name with the port": ("/?token={token}", {"Host": "localhost.evil.example:80"}, 403),
    "another origin": ("/?token={token}", {"Origin": "https://evil.example"}, 403),
    "another site": ("/?token={token}", {"Sec_Fetch_Site": "cross-site"}, 403),
    "a path": ("/../../etc/passwd?token={token}", {}, 404),
    "an encoded path": ("/%2e%2e/%2e%2e/etc/passwd?token={token}", {}, 404),
    "an image that is a path": (f"/image?id={quote('../../etc/passwd', safe='')}&token={{token}}", {}, 404),
    "an image that is not of the run": ("/image?id=0123456789abcdef&token={token}", {}, 404),
    "an image without a token": ("/image?id={image}", {}, 403),
}


@pytest.mark.parametrize(("path", "headers", "status"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(served: Server, path: str, headers: dict[str, str], status: int) -> None:
    image = next(iter(served.view.rows))
    found, body, _ = _get(served, path.format(token=served.token, image=image), **headers)
    assert found == status
    assert b"root:" not in body and served.token.encode() not in body


def test_nothing_can_be_posted(served: Server) -> None:
    assert _get(served, f"/?token={served.token}", method="POST")[0] == 501


def test_the_page_lists_the_images_of_a_cell_and_nothing_may_keep_it(served: Server) -> None:
    result = served.view.result
    wanted = chosen_images(result, Choice(probe="colour", outcome="misclassified", groups={"gender": "man"}))
    path = f"/?token={served.token}&probe=colour&outcome=misclassified&group.gender=man"
    status, body, headers = _get(served, path, Origin=served.origin)
    page = body.decode()
    assert status == 200
    assert page.count("<li>") == len(wanted) and f"<strong>{len(wanted)} images</strong>" in page
    assert all(image in page for image in wanted["image"])
    assert headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "<script" not in page


def test_images_are_blurred_until_one_is_asked_for(served: Server, audited_people: Path) -> None:
    image, row = next(iter(served.view.rows.items()))
    sizes = {}
    # One-coloured squares stay as they are when blurred: a checkerboard tells.
    path = audited_people / str(
        load_dataset(f"table:{audited_people / 'people.csv'}").frame["image_id"].iloc[row]
    )
    board = Image.new("L", (64, 64))
    board.putdata([255 * ((x // 4 + y // 4) % 2) for y in range(64) for x in range(64)])
    kept = path.read_bytes()
    board.convert("RGB").save(path)
    for clear in (0, 1):
        status, body, headers = _get(served, f"/image?id={image}&clear={clear}&token={served.token}")
        assert status == 200 and headers["Content-Type"] == "image/png"
        low, high = Image.open(io.BytesIO(body)).convert("L").getextrema()
        sizes[clear] = high - low
    path.write_bytes(kept)
    assert sizes[0] < 100 < sizes[1] == 255


def test_the_cells_add_up_to_the_counts_of_the_audit(audited_people: Path) -> None:
    result = AuditResult.read(audited_people / "run")
    asked = result.manifest["probes"][0]["specifications"]
    for number, (design, template, rule, threshold) in enumerate(asked):
        found = chosen_images(
            result, Choice(probe="colour", outcome="harm", specification=number, groups={"tone": "dark"})
        )
        rates = result.rates
        same = (rates["outcome"] == "harm") & (rates["design"] == design) & (rates["template"] == template)
        same &= (rates["rule"] == rule) & (rates["threshold"].isna() if threshold is None else
                                           rates["threshold"] == threshold)  # fmt: skip
        row = rates[same & (rates["tone"] == "dark") & (rates["gender"] == "(all)")].iloc[0]
        assert len(found) == row["count"]
