"""YAML that cannot be meant is refused with its line, by the tool's own error and no other."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clipmodel.errors import UserError
from clipmodel.yaml_documents import MAX_BYTES, MAX_DEPTH, read_document

WORDS = "a b 1 1.5 [ ] { } &x *x <<: !!int !!set !!bool ? ' \" \\uD800 % @ | > # ~ 2026-99-99 é --- = 1:30"
PARTS = WORDS.split(" ")
SIGNS = st.sampled_from([*PARTS, ": ", "\n", "- ", " ", "\t", "\x00", "\x85", "!!int ", "&x ", "? "])


def read(folder: Path, text: str | bytes) -> object:
    path = folder / "thing.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_document(path).values


def test_what_yaml_says_is_what_comes_out(tmp_path: Path) -> None:
    text = "a: [1, 2.5, yes]\nb: &x {c: d}\ne: {<<: *x, f: null}\n"
    assert read(tmp_path, text) == yaml.safe_load(text) == {
        "a": [1, 2.5, True], "b": {"c": "d"}, "e": {"c": "d", "f": None},
    }  # fmt: skip


def test_a_byte_order_mark_is_no_content(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbfa: 1\n") == {"a": 1}


def test_an_empty_file_has_no_values(tmp_path: Path) -> None:
    assert read(tmp_path, "# nothing\n") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "lines 1 and 3: the key 'a' is there twice"),
        ("- x: {k: 1, k: 2}\n", "line 1: the key 'k' is there twice"),
        ("'skin tone': 1\n'skin  tone ': 2\n", "lines 1 and 2: the key 'skin  tone ' is there twice"),
        ("na\u00efve: 1\nnai\u0308ve\u200b: 2\n", "lines 1 and 2: the key 'nai"),
        ("a:\n  1: x\n  '1': y\n", "lines 2 and 3: the key '1' is there twice"),
        ("x: y\ntitle: 2026-99-99\n", "line 2: not valid YAML: '2026-99-99' is not a valid date"),
        ("seed: !!int abc\n", "line 1: not valid YAML: 'abc' is not a valid whole number"),
        ("a: b\nc: !!bool maybe\n", "line 2: not valid YAML: 'maybe' is not a valid truth value"),
        ("c: !!float abc\n", "line 1: not valid YAML: 'abc' is not a valid number"),
        ("a: x\nis: {code: 010}\n", "line 2: not valid YAML: '010' would be the number 8"),  # octal
        ("from: 1:30\n", "line 1: not valid YAML: '1:30' would be the number 90"),  # a time
        (f"seed: {'9' * 5000}\n", "is not a valid whole number"),
        ('\ntitle: "x\\uD83D"\n', "line 2: not valid YAML: half of a surrogate pair"),
        (f"a: {'[' * (MAX_DEPTH + 1)}{']' * (MAX_DEPTH + 1)}\n", "nested more than 64 levels deep"),
        ("a: &x [*x]\n", "a value refers to itself"),
        (b"a: b\nc: caf\xe9\n", "line 2: not UTF-8 text"),
        ("a: b\n".encode("utf-16"), "line 1: not UTF-8 text"),
        ("a: b\n".encode("utf-16-le"), "not UTF-8 text"),
        ("a: [b\n", "not valid YAML"),
        ("a: b\nc: \x1f\n", "line 2: not valid YAML: the control character U+001F"),
        ("a: !!python/object/apply:os.system [ls]\n", "could not determine a constructor"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    with pytest.raises(UserError) as caught:
        read(tmp_path, text)
    assert message in caught.value.message
    assert str(tmp_path / "thing.yaml") in caught.value.message
    assert len(caught.value.message) < len(str(tmp_path)) + 300


def test_aliases_that_multiply_are_refused(tmp_path: Path) -> None:
    """Ten aliases of ten aliases, seven times: 10**7 values from 300 characters."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 7)]
    with pytest.raises(UserError, match="more than 200,000 values"):
        read(tmp_path, "\n".join(lines))


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "thing.yaml").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(UserError, match="is this the right file"):
        read_document(tmp_path / "thing.yaml")


def test_a_folder_is_no_document(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="directory"):
        read_document(tmp_path)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.lists(SIGNS, max_size=30).map("".join), st.text(max_size=60)))
def test_any_text_is_read_or_refused(tmp_path: Path, text: str) -> None:
    try:
        values = read(tmp_path, text.encode("utf-8", "surrogatepass"))
    except UserError:
        return
    assert repr(values).encode()  # no half of a surrogate pair is left


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("a:\n\tb: 1\n", "write spaces in place of tabs"),
        ("title: What: a title\n", "put a text that holds ': ' in quotes"),
        ("a: 1\n---\nb: 2\n", "write one document a file: leave out what follows '---'"),
        ('a: !!python/object/apply:os.system ["id"]\n', "leave the tag (what begins with '!') out"),
        ("a: [1\n", "correct the line"),
    ],
)
def test_frequent_mistakes_have_a_remedy_of_their_own(tmp_path: Path, text: str, remedy: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(UserError, match=r"a\.yaml, line \d: not valid YAML") as caught:
        read_document(tmp_path / "a.yaml")
    assert caught.value.remedy == remedy
