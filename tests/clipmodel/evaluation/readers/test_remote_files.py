from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from clipmodel.errors import UserError
from clipmodel.evaluation.readers.open_set import open_set
from clipmodel.evaluation.readers.remote_files import file_url
from tests.clipmodel.evaluation.readers.conftest import Home, png

NAMES = "very nearby\nnear\n\ndistant\n"


TEMPLATES = "a photo of {c}.\n{c} shapes.\n"


TEMPLATES_FILE = "zeroshot_classification_templates.txt"


TEXTS = {"classnames.txt": NAMES, TEMPLATES_FILE: TEMPLATES}


SAMPLES = [{"png": png(10 * label), "cls": label} for label in (0, 1, 2, 3, 2)]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


def test_a_url_is_read_as_a_folder_and_then_offline(make_home: Home, tmp_path: Path, server: str) -> None:
    root = make_home(SAMPLES, TEXTS)
    first = open_set(f"wds:{server}/{root.name}", cache=tmp_path / "cache")
    (root / "test" / "0.tar").unlink()  # it was downloaded
    again = open_set(f"wds:{server}/{root.name}", cache=tmp_path / "cache")
    assert first.truth is not None and again.truth is not None
    assert first.truth.tolist() == again.truth.tolist() == [0, 1, 2, 3, 2]
    with pytest.raises(UserError, match=r"nshards\.txt is missing"):
        open_set(f"wds:{server}/elsewhere", cache=tmp_path / "cache")
    with pytest.raises(UserError, match="cannot be reached"):
        open_set("wds:http://127.0.0.1:9/none", cache=tmp_path / "cache")


def test_addresses_on_the_hub() -> None:
    page = "https://huggingface.co/datasets/clip-benchmark/wds_mnist"
    assert file_url(page, "test/0.tar") == f"{page}/resolve/main/test/0.tar"
    assert file_url(f"{page}/tree/v2", "a.txt") == f"{page}/resolve/v2/a.txt"
    assert file_url("http://host/folder/", "a.txt") == "http://host/folder/a.txt"
