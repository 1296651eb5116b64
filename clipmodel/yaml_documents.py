"""A YAML file as text, nodes and plain values, or an error with the line where it is not valid.

A file is refused if it is no UTF-8, too large, nested too deeply, if a key stands twice in one mapping, if a
value is none of its type (a date of 2026-99-99) or a number of another base (010), or if it refers to itself.
PyYAML keeps the last of two equal keys, reads 010 as 8 and 1:30 as 90, follows nesting until the stack of the
interpreter ends, and raises whatever the constructors of Python raise.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from clipmodel.errors import UserError

MAX_BYTES = 8 << 20
# PyYAML composes recursively; far below the depth at which Python's stack ends.
MAX_DEPTH = 64
MAX_NODES = 200_000  # with every alias written out
_MERGE = "tag:yaml.org,2002:merge"
_REMEDIES = {
    "'\\t'": "write spaces in place of tabs",
    "mapping values are not allowed": "put a text that holds ': ' in quotes",
    "another document": "write one document a file: leave out what follows '---'",
    "could not determine a constructor": "leave the tag (what begins with '!') out",
}
"""Of what PyYAML says, what a writer can do about it."""
_KINDS = {"bool": "truth value", "int": "whole number", "float": "number", "timestamp": "date"}
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
# 010 is 8 to YAML, 1:30 is 90: codes and times that were meant as words.
_OTHER_BASE = re.compile(r"[-+]?(?:0[0-9_]+|[0-9_]+(?::[0-9._]+)+)")
# What the constructors of dates, numbers, truth values and sets raise for text that is none.
CONSTRUCTION_ERRORS = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError)


@dataclass(frozen=True)
class Document:
    """One YAML file.

    Attributes
    ----------
    values
        Its content as dicts, lists, words and numbers.
    root
        The node that the content was made from, with the lines; None for an empty file.
    """

    values: Any
    root: yaml.Node | None

    def line_of(self, location: Sequence[int | str]) -> int | None:
        """The line, from 1, of the deepest part of a location that the file holds; None if it holds none."""
        node, line = self.root, None
        for part in location:
            if isinstance(node, yaml.MappingNode):
                # Keys of the file are compared as text, since YAML reads some of them as numbers.
                match = next(((k, v) for k, v in node.value if k.value == str(part)), None)
                if match is None:
                    continue  # the name of one form of several, which is no key of the file
                line, node = match[0].start_mark.line + 1, match[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                line = node.start_mark.line + 1
            else:
                break
        return line


def read_document(path: Path) -> Document:
    """Read a YAML file.

    Raises
    ------
    UserError
        With the line: the file cannot be read, is no UTF-8 or no YAML, or is refused for one of the reasons
        that the module names.
    """
    text = read_utf8(path)
    try:
        loader = _Loader(text, path)
        root = loader.get_single_node()
        # Counted before values are made: a few nested aliases stand for billions of nodes ("billion laughs").
        if root is not None:
            _expanded(root, path, known={}, open_nodes=set())
        values = None if root is None else loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = None if mark is None else mark.line + 1
        raise _refused(path, " ".join(str(error.problem or error.context).split()), line) from error
    except yaml.reader.ReaderError as error:
        reason = f"the control character U+{error.character:04X}"
        raise _refused(path, reason, text[: error.position].count("\n") + 1) from error
    return Document(values, root)


def read_utf8(path: Path) -> str:
    """The text of a file, without a byte order mark.

    Raises
    ------
    UserError
        It cannot be read, has more than `MAX_BYTES`, or is no UTF-8.
    """
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= MAX_BYTES else b""
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", remedy="check the path") from error
    if size > MAX_BYTES:
        raise UserError(f"{path}: {size:,} bytes, {MAX_BYTES:,} are read", remedy="is this the right file?")
    try:
        # A byte order mark is what some editors on Windows write.
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(f"{path}, line {line}: not UTF-8 text", remedy="save it as UTF-8") from error
    if "\0" in text:
        raise UserError(f"{path}: not UTF-8 text, or no text", remedy="save it as UTF-8")
    return text


_INVISIBLE = "\u00ad\u200b\u2060\ufeff"  # soft hyphen, zero-width space, word joiner, byte order mark


class _Loader(yaml.SafeLoader):
    """Plain values only; refuses what the module says, with the line."""

    def __init__(self, text: str, path: Path) -> None:
        super().__init__(text)
        self._path = path
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem=f"nested more than {MAX_DEPTH} levels deep", problem_mark=mark)
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE:
                continue
            line, plain = key.start_mark.line + 1, _plain(key.value)
            if (first := lines.get(plain)) is not None:
                where = f"lines {first} and {line}" if first != line else f"line {line}"
                raise UserError(
                    f"{self._path}, {where}: the key {key.value!r} is there twice",
                    remedy="keep one of the two; blanks and invisible characters make no other key",
                )
            lines[plain] = line
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            value = super().construct_object(node, deep=deep)
        except CONSTRUCTION_ERRORS as error:
            tag = node.tag.rpartition(":")[2]
            kind = _KINDS.get(tag, tag)
            written = str(node.value)
            shown = written if len(written) <= 40 else f"{written[:40]}..."
            raise yaml.MarkedYAMLError(
                problem=f"{shown!r} is not a valid {kind}; put it in quotes if it is a word",
                problem_mark=node.start_mark,
            ) from error
        if node.tag in _NUMBERS and _OTHER_BASE.fullmatch(str(node.value)):
            raise yaml.MarkedYAMLError(
                problem=f"{node.value!r} would be the number {value}; put it in quotes if it is a word",
                problem_mark=node.start_mark,
            )
        # JSON escapes in YAML can write one; UTF-8 cannot, so a later write would fail.
        if isinstance(value, str) and any("\ud800" <= sign <= "\udfff" for sign in value):
            raise yaml.MarkedYAMLError(
                problem="half of a surrogate pair, which is no character", problem_mark=node.start_mark
            )
        return value


def _expanded(node: yaml.Node, path: Path, *, known: dict[int, int], open_nodes: set[int]) -> int:
    """How many nodes a node is with every alias written out; refuses too many, and a node inside itself."""
    if id(node) in known:
        return known[id(node)]
    if id(node) in open_nodes:
        raise _refused(path, "a value refers to itself", node.start_mark.line + 1)
    open_nodes.add(id(node))
    children: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        children = [part for pair in node.value for part in pair]
    elif isinstance(node, yaml.SequenceNode):
        children = node.value
    size = 1 + sum(_expanded(child, path, known=known, open_nodes=open_nodes) for child in children)
    if size > MAX_NODES:
        raise _refused(path, f"more than {MAX_NODES:,} values", node.start_mark.line + 1)
    open_nodes.discard(id(node))
    known[id(node)] = size
    return size


def _plain(key: str) -> str:
    """A key without what nobody sees: names of columns and labels are compared without it as well."""
    visible = key.translate(dict.fromkeys(map(ord, _INVISIBLE)))
    return unicodedata.normalize("NFC", " ".join(visible.split()))


def _refused(path: Path, reason: str, line: int | None) -> UserError:
    where = f"{path}, line {line}" if line else str(path)
    remedy = next((remedy for sign, remedy in _REMEDIES.items() if sign in reason), "correct the line")
    return UserError(f"{where}: not valid YAML: {reason}", remedy=remedy)
