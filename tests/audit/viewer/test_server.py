"""The viewer shows the images of a cell to this machine, and to nobody else."""

from __future__ import annotations

import http.client
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from PIL import Image
from typer.testing import CliRunner

from audit.cli import app
from audit.commands.view import _rows
from audit.result import AuditResult
from audit.viewer.cell_images import Choice, chosen_images
from audit.viewer.server import HOST, Server, View
from probes.datasets import load_dataset
from tests.audit.commands.conftest import SUITE, small_model, write_people

__all__ = ["small_model"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, small_model: Path) -> Path:
    """A folder with 48 people and their audit."""
    folder = tmp_path_factory.mktemp("view")
    table = write_people(folder)
    suite = SUITE.replace("table:people.csv", f"table:{table}").replace(
        "groups:", "designs: {default: {}, fewer: {drop: [blue]}}\n    uncovered: exclude\n    groups:"
    )
    (folder / "small.yaml").write_text(suite)
    words = ["run", folder / "small.yaml", "--model", small_model, "--out", folder / "run"]
    done = CliRunner().invoke(app, [*map(str, words), "--cache", str(folder / "cache")])
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture(scope="module")
def served(place: Path) -> Iterator[Server]:
    dataset = load_dataset(f"table:{place / 'people.csv'}")
    view = View(result=AuditResult.read(place / "run"), images=dataset, rows=_rows(dataset))
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


def test_images_are_blurred_until_one_is_asked_for(served: Server, place: Path) -> None:
    image, row = next(iter(served.view.rows.items()))
    sizes = {}
    # One-coloured squares stay as they are when blurred: a checkerboard tells.
    path = place / str(load_dataset(f"table:{place / 'people.csv'}").frame["image_id"].iloc[row])
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


def test_the_cells_add_up_to_the_counts_of_the_audit(place: Path) -> None:
    result = AuditResult.read(place / "run")
    asked = result.manifest["probes"][0]["asked"]
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


def test_a_card_that_forbids_it_is_obeyed(place: Path) -> None:
    card = place / "people.card.yaml"
    card.write_text("thumbnails: false\n")
    words = ["view", str(place / "run"), "--data", f"table:{place / 'people.csv'}"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2 and "does not let its images be shown" in done.output
    done = CliRunner().invoke(app, [*words, "--fiftyone", str(place / "fo")])
    assert done.exit_code == 2 and not (place / "fo").exists()
    card.unlink()


def test_the_data_must_be_named_and_be_those_of_the_audit(place: Path) -> None:
    done = CliRunner().invoke(app, ["view", str(place / "run")])
    assert done.exit_code == 2 and "--data KIND:PATH" in done.output
    done = CliRunner().invoke(app, ["view", str(place / "run"), "--data", "emoji"])
    assert done.exit_code == 2 and "not 'emoji'" in done.output


def test_the_export_for_fiftyone_names_every_image_with_its_outcomes(place: Path) -> None:
    words = ["view", str(place / "run"), "--data", f"table:{place / 'people.csv'}"]
    done = CliRunner().invoke(app, [*words, "--fiftyone", str(place / "fo")])
    assert done.exit_code == 0, done.output
    metadata = json.loads((place / "fo" / "metadata.json").read_text())
    samples = json.loads((place / "fo" / "samples.json").read_text())["samples"]
    assert "version" not in metadata  # which is how FiftyOne tells this layout
    assert len(samples) == 32  # of 48: the 16 blue ones have no class in one of the designs
    assert all(Path(one["filepath"]).is_file() for one in samples)
    assert {one["gender"]["label"] for one in samples} == {"man", "woman"}
    result = AuditResult.read(place / "run")
    happened = [one for one in samples if one.get("colour_harm", {}).get("label") == "happened"]
    assert len(happened) == len(chosen_images(result, Choice(probe="colour", outcome="harm")))
