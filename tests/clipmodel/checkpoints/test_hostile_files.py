"""Files made to harm: each is refused in seconds, before anything of its size is made."""

from __future__ import annotations

import io
import json
import pickle
import resource
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from clipmodel.checkpoints.archives import require_sane_archive
from clipmodel.checkpoints.read import read_checkpoint
from clipmodel.checkpoints.tensor_files import read_json
from clipmodel.checkpoints.write import write_checkpoint
from clipmodel.config import NAMED_CONFIGS
from clipmodel.errors import UserError
from clipmodel.inputs.tokenizer import BPETokenizer
from tests.clipmodel.support.small_models import VIT, checkpoint_of, random_clip

SECONDS, MEGABYTES = 10, 1_000


@pytest.fixture(autouse=True)
def bounded() -> Iterator[None]:
    """The time and Python's memory of each case; what torch maps of a file costs none."""
    tracemalloc.start()
    begun = time.process_time()  # which other work on the machine does not move
    yield
    seconds, peak = time.process_time() - begun, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MEGABYTES * 2**20
    assert seconds < 6 * SECONDS  # a test may try several files


def _openai(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    write_checkpoint(checkpoint_of(random_clip(VIT)), path, to="openai")
    weights = dict(torch.load(path, weights_only=True))
    weights |= {"input_resolution": torch.tensor(64), "context_length": torch.tensor(16)}
    weights["vocab_size"] = torch.tensor(49408)
    change(weights)
    torch.save(weights, path)
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.update(logit_scale=torch.tensor(-1.0)), "logit_scale is -1"),
        (lambda w: w.update(logit_scale=torch.tensor(1e4)), r"logit_scale is 1e\+04"),
        (lambda w: w.update(logit_scale=torch.tensor(torch.nan)), "logit_scale holds NaN"),
        (lambda w: w.update(logit_scale=torch.ones(3)), r"logit_scale has shape \(3,\)"),
        (lambda w: w.update(text_projection=w["text_projection"].int()), "holds int32 values"),
        (lambda w: w.update(text_projection=w["text_projection"] + 0j), "holds complex64 values"),
        (lambda w: w.update(text_projection=torch.zeros(1).expand(64, 10**9)), "does not hold that much"),
        (lambda w: w.update(text_projection=torch.zeros(1)), "impossible shapes"),
        (lambda w: w.update(positional_embedding=torch.zeros(0, 64)), "context_length must be at least 1"),
        (lambda w: w.update(vocab_size=torch.ones(2)), "vocab_size is"),
        (lambda w: w.update({5: torch.zeros(1)}), "5 is no tensor"),
    ],
)
def test_weights_that_are_none(change: Callable[[Any], object], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        read_checkpoint(_openai(tmp_path / "m.pt", change))


def test_a_scale_of_shape_one_is_accepted(tmp_path: Path) -> None:
    path = _openai(tmp_path / "m.pt", lambda w: w.update(logit_scale=torch.tensor([2.0])))
    assert read_checkpoint(path).weights["log_scale"].shape == ()


@pytest.mark.parametrize(
    ("tower", "key", "value"),
    [
        ("vision", "layers", 10**9),
        ("vision", "layers", 0),
        ("vision", "layers", 2.5),
        ("vision", "layers", True),
        ("vision", "width", 2**40),
        ("vision", "image_size", 10**6),
        ("vision", "stem_channels", ["wide"]),
        ("vision", "stem_channels", [10**9]),
        ("text", "vocab_size", 10**12),
        ("text", "context_length", 10**9),
        ("text", "heads", "two"),
        ("text", "layer_norm_eps", -1.0),
        ("text", "activation", "exec"),
    ],
)
def test_a_configuration_is_bounded_before_anything_is_built(
    tower: str, key: str, value: object, tmp_path: Path
) -> None:
    values = VIT.to_dict()
    values[tower][key] = value
    (tmp_path / "config.json").write_text(json.dumps(values))
    with pytest.raises(UserError, match=key):
        read_checkpoint(tmp_path)


def test_sizes_that_are_possible_alone_and_not_together(tmp_path: Path) -> None:
    values = NAMED_CONFIGS["ViT-B/32"].to_dict()
    values["vision"] |= {"width": 65_536, "layers": 1_000, "heads": 64}
    (tmp_path / "config.json").write_text(json.dumps(values))
    with pytest.raises(UserError, match="parameters, more than"):
        read_checkpoint(tmp_path)


def test_a_count_of_weights_is_about_right() -> None:
    """A rough bound: within a tenth of the counts in the paper, 151.3, 427.6 and 102.0 million."""
    for name, published in (("ViT-B/32", 151.3e6), ("ViT-L/14", 427.6e6), ("RN50", 102.0e6)):
        assert NAMED_CONFIGS[name].parameters == pytest.approx(published, rel=0.1)


@pytest.mark.parametrize("entry", ["m/data.pkl", "m/data/0", "m/code/x.py"])
def test_an_archive_that_unpacks_to_gigabytes(entry: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m/data.pkl", b"")
        large = zipfile.ZipInfo(entry + "x")
        large.compress_type = zipfile.ZIP_DEFLATED
        with archive.open(large, "w") as file:
            for _ in range(64):
                file.write(bytes(2**20))
    with pytest.raises(UserError, match="unpack to"):
        read_checkpoint(tmp_path / "m.pt", activation="gelu")


def test_an_archive_that_says_it_spans_disks(tmp_path: Path) -> None:
    """zipfile does not even answer whether it is one."""
    torch.save({"a": torch.zeros(10)}, tmp_path / "m.pt")
    content = bytearray((tmp_path / "m.pt").read_bytes())
    locator = content.rfind(b"PK\x06\x07")  # of the end of the 64-bit directory; the count of disks ends it
    content[locator + 16 : locator + 20] = (7).to_bytes(4, "little")
    (tmp_path / "m.pt").write_bytes(content)
    with pytest.raises(UserError, match="damaged archive"):
        read_checkpoint(tmp_path / "m.pt", activation="gelu")


def test_an_honest_archive_passes(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(10)}, tmp_path / "m.pt")
    require_sane_archive(tmp_path / "m.pt")
    (tmp_path / "text").write_text("no archive")
    require_sane_archive(tmp_path / "text")


def _torchscript(path: Path, data: bytes) -> Path:
    """An archive whose pickle is given; its one class has one parameter."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("m/data.pkl", data)
        archive.writestr("m/code/__torch__.py", 'class M(Module):\n  __parameters__ = ["w", ]\n')
    return path


@pytest.mark.parametrize(
    ("what", "name"),
    [("torch", "FloatStorage"), ("torch._utils", "_rebuild_tensor_v2"), ("collections", "OrderedDict")],
)
def test_build_changes_nothing_but_our_own_modules(what: str, name: str, tmp_path: Path) -> None:
    """BUILD sets attributes of what is on the stack: of a function or a type of torch it would last."""
    data = pickle.PROTO + b"\x02" + f"c{what}\n{name}\n".encode() + b"}X\x01\x00\x00\x00aK\x01s" + b"b."
    with pytest.raises(UserError, match=r"m\.pt"):
        read_checkpoint(_torchscript(tmp_path / "m.pt", data))
    assert not hasattr(torch._utils._rebuild_tensor_v2, "a")
    assert not hasattr(torch.float32, "a")


@pytest.mark.parametrize("data", [b"", b"\x80\x02.", b"\x80\x02N.", b"\x80\x02]q\x00h\x00a."])
def test_pickles_that_hold_no_module(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"m\.pt"):
        read_checkpoint(_torchscript(tmp_path / "m.pt", data))


def test_a_number_of_an_object_that_would_take_gigabytes(tmp_path: Path) -> None:
    # ] LONG_BINPUT 2**31 - 1: the memo of the reader in C is a list of that length.
    data = b"\x80\x02]r\xff\xff\xff\x7f."
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match="holds no module"):
        read_checkpoint(_torchscript(tmp_path / "m.pt", data))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500 << 10  # kB


def test_modules_in_a_circle(tmp_path: Path) -> None:
    # M(); its attribute "m" is itself.
    data = b"\x80\x02c__torch__\nM\n)\x81q\x00}X\x01\x00\x00\x00mh\x00sb."
    with pytest.raises(UserError, match="nested in a circle"):
        read_checkpoint(_torchscript(tmp_path / "m.pt", data))


def test_json_is_bounded_in_depth_and_kind(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    for content, message in (("[" * 100_000, "too deep"), ("[]", "a JSON object"), ("{", "config.json")):
        path.write_text(content)
        with pytest.raises(UserError, match=message):
            read_json(path)


def test_a_safetensors_header_of_gigabytes(tmp_path: Path) -> None:
    (tmp_path / "m.safetensors").write_bytes((2**40).to_bytes(8, "little") + b"{}")
    with pytest.raises(UserError, match="a header of"):
        read_checkpoint(tmp_path / "m.safetensors", activation="gelu")


def test_a_panic_of_the_tokenizers_library_names_the_file(tmp_path: Path) -> None:
    empty = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": []}
    empty |= {"pre_tokenizer": None, "post_processor": None, "decoder": None}
    empty["normalizer"] = {"type": "Precompiled", "precompiled_charsmap": "AA=="}
    empty["model"] = {"type": "BPE", "vocab": {}, "merges": []}
    (tmp_path / "tokenizer.json").write_text(json.dumps(empty))
    with pytest.raises(UserError, match=r"tokenizer\.json"):
        BPETokenizer.load(tmp_path / "tokenizer.json", context_length=8)


def _honest() -> bytes:
    buffer = io.BytesIO()
    torch.save({"logit_scale": torch.ones(3), "visual.proj": torch.zeros(2, 2)}, buffer)
    return buffer.getvalue()


HONEST = _honest()


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    edits=st.lists(st.tuples(st.integers(0, len(HONEST) - 1), st.integers(0, 255)), min_size=1, max_size=6),
    cut=st.integers(0, 400),
)
def test_damage_of_any_kind_is_the_tools_own_error(
    edits: list[tuple[int, int]], cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(HONEST)
    for at, value in edits:
        content[at] = value
    path = tmp_path_factory.mktemp("fuzz") / "m.pt"
    path.write_bytes(bytes(content[: len(content) - cut]))
    with pytest.raises(UserError):  # whole, it lacks nearly everything
        read_checkpoint(path, activation="gelu", preprocess="clip")


def test_integers_in_a_safetensors_file(tmp_path: Path) -> None:
    write_checkpoint(checkpoint_of(random_clip(VIT)), tmp_path / "m", to="native")
    weights = {name: tensor.int() for name, tensor in random_clip(VIT).state_dict().items()}
    save_file(weights, tmp_path / "m" / "model.safetensors")
    with pytest.raises(UserError, match="holds int32 values"):
        read_checkpoint(tmp_path / "m")
