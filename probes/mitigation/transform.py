"""A fitted mitigation: maps of image and text embeddings that can be saved, loaded and audited.

Shapes: N embeddings, D joint embedding, R embedding after the map, F random features.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from clipmodel.array_types import Floats, Singles
from clipmodel.errors import UserError
from clipmodel.inputs.articles import article
from clipmodel.json_text import parse_json

EncodeTexts = Callable[[Sequence[str]], Singles]
"""C texts -> [C, D] unit-norm embeddings of the model that the mitigation is for."""

KIND = "clip-audit mitigation"
SIDES = ("image", "text")


@dataclass(frozen=True, kw_only=True)
class Map:
    """x -> normalise(matrix f(x) + offset), where f is the identity or random Fourier features.

    Attributes
    ----------
    matrix
        [R, D], or [R, F] with random features; the identity if left out.
    offset
        [R]; zero if left out.
    frequencies, phases
        [F, D] and [F]: f(x) = sqrt(2 / F) cos(frequencies x + phases) (Rahimi & Recht 2007).
    """

    matrix: Floats | None = None
    offset: Floats | None = None
    frequencies: Floats | None = None
    phases: Floats | None = None

    def raw(self, vectors: NDArray[np.floating]) -> Floats:
        """[N, D] -> [N, R] before the normalisation."""
        x = np.asarray(vectors, dtype=np.float64)
        if self.frequencies is not None and self.phases is not None:
            x = np.sqrt(2 / len(self.frequencies)) * np.cos(x @ self.frequencies.T + self.phases)
        if self.matrix is not None:
            x = x @ self.matrix.T
        return x if self.offset is None else x + self.offset

    def __call__(self, vectors: NDArray[np.floating]) -> Singles:
        """[N, D] -> [N, R] unit-norm; a vector that the map makes zero stays zero."""
        return unit(self.raw(vectors)).astype(np.float32)

    @property
    def is_identity(self) -> bool:
        return self.matrix is None and self.offset is None and self.frequencies is None

    def arrays(self) -> dict[str, Floats]:
        """The arrays that are there, by name."""
        names = ("matrix", "offset", "frequencies", "phases")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


IDENTITY = Map()


@dataclass(frozen=True, kw_only=True)
class Mitigation:
    """A fitted mitigation.

    Attributes
    ----------
    method
        Its name in the registry.
    attribute
        The attribute whose gaps it is meant to lower.
    image, text
        The maps of either side.
    parameters
        What it was fitted with, for the report: JSON-able.
    local
        For a method that treats each text on its own (BendVLM): see `LocalTexts`. None otherwise.
    prefix
        [K, W] embeddings of tokens before every text (prompt arrays). None otherwise.
    """

    method: str
    attribute: str
    image: Map = IDENTITY
    text: Map = IDENTITY
    parameters: Mapping[str, object] = field(default_factory=dict)
    local: LocalTexts | None = None
    prefix: Floats | None = None

    @property
    def size(self) -> int | None:
        """D that it is for; None if it leaves every embedding as it is, or puts tokens before texts."""
        if self.local is not None:
            return int(self.local.reference.shape[1])
        maps = [own for own in (self.image, self.text) if not own.is_identity]
        arrays = [own.frequencies if own.frequencies is not None else own.matrix for own in maps]
        return next((int(array.shape[1]) for array in arrays if array is not None), None)

    def images(self, vectors: NDArray[np.floating]) -> Singles:
        """[N, D] image embeddings -> [N, R] unit-norm."""
        return np.asarray(vectors, np.float32) if self.image.is_identity else self.image(vectors)

    def texts(self, texts: Sequence[str], vectors: NDArray[np.floating], encode: EncodeTexts) -> Singles:
        """C texts and their embeddings [C, D] -> [C, R] unit-norm.

        Parameters
        ----------
        encode
            Embeds further texts with the same model, for methods that reword a text; for tokens before a text
            it is a `TextEncoder`.

        Raises
        ------
        UserError
            The model cannot embed what the mitigation needs.
        """
        if self.prefix is not None:
            prefixed = getattr(encode, "prefixed", None)
            if prefixed is None:
                raise UserError("tokens before a text need a model's text tower", remedy="use a model")
            return np.asarray(prefixed(texts, self.prefix), np.float32)
        if self.local is not None:
            return self.local(texts, vectors, encode)
        return np.asarray(vectors, np.float32) if self.text.is_identity else self.text(vectors)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the method, what it is for, and every array."""
        digest = hashlib.sha256(f"{self.method}\0{self.attribute}".encode())
        for name, array in sorted(self._arrays().items()):
            digest.update(name.encode() + str(array.shape).encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def save(self, path: Path) -> None:
        """Write the arrays as safetensors, and beside them a YAML file that says what they are."""
        words: dict[str, object] = {
            "kind": KIND, "method": self.method, "attribute": self.attribute, "fingerprint": self.fingerprint,
            "parameters": dict(self.parameters),
        }  # fmt: skip
        if self.local is not None:
            words["words"] = {level: list(own) for level, own in self.local.words.items()}
        path.parent.mkdir(parents=True, exist_ok=True)
        # safetensors refuses an empty file; the identity has no arrays.
        arrays = self._arrays() or {"nothing": np.zeros(1)}
        save_file(arrays, path, metadata={"mitigation": json.dumps(words)})
        path.with_suffix(".yaml").write_text(yaml.safe_dump(words, sort_keys=False), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Mitigation:
        """Read what `save` wrote; the YAML beside it is for people and is not read.

        Raises
        ------
        UserError
            There is no such file, it is damaged, or it is no mitigation.
        """
        if not path.is_file():
            raise UserError(f"no file at {path}", remedy="give a file that clip-audit mitigate wrote")
        try:
            with safe_open(path, framework="np") as file:
                words = parse_json((file.metadata() or {})["mitigation"])
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return cls._from(words, arrays)
        except (SafetensorError, OSError, KeyError, ValueError, TypeError, AttributeError) as error:
            message = f"{path}: damaged, or no file of a mitigation"
            raise UserError(message, remedy="give a file that clip-audit mitigate wrote") from error

    @classmethod
    def _from(cls, words: Mapping[str, object], arrays: Mapping[str, NDArray[np.float64]]) -> Mitigation:
        if words["kind"] != KIND:
            raise ValueError("another kind of file")
        maps = {
            side: Map(
                **{name.partition(".")[2]: a for name, a in arrays.items() if name.startswith(f"{side}.")}
            )
            for side in SIDES
        }
        local = None
        if "words" in words:
            given = words["words"]
            assert isinstance(given, dict)
            local = LocalTexts(
                reference=arrays["reference"], codes=arrays["codes"].astype(np.int64),
                words={str(level): tuple(map(str, own)) for level, own in given.items()},
            )  # fmt: skip
        parameters = words["parameters"]
        assert isinstance(parameters, dict)
        return cls(
            method=str(words["method"]), attribute=str(words["attribute"]), parameters=parameters,
            local=local, prefix=arrays.get("prefix"), **maps,
        )  # fmt: skip

    def _arrays(self) -> dict[str, NDArray[np.float64]]:
        arrays = {
            f"{side}.{name}": np.ascontiguousarray(value)
            for side in SIDES
            for name, value in getattr(self, side).arrays().items()
        }
        if self.local is not None:
            arrays |= {"reference": self.local.reference, "codes": self.local.codes.astype(np.float64)}
        if self.prefix is not None:
            arrays["prefix"] = np.ascontiguousarray(self.prefix)
        return arrays


@dataclass(frozen=True, kw_only=True)
class LocalTexts:
    """Each text treated on its own: BendVLM (Gerych et al. 2024, section 4).

    Step 1 projects a text on the complement of the directions that the words of the groups span around this
    very text. Step 2 moves it as little as possible so that, among the reference images nearest to it, every
    group's mean has the same similarity.

    Attributes
    ----------
    reference
        [N, D] labelled images.
    codes
        [N] their groups.
    words
        Group -> words that are inserted into the text.
    nearest
        Reference images taken of each group.
    """

    reference: NDArray[np.float64]
    codes: NDArray[np.int64]
    words: Mapping[str, Sequence[str]]
    nearest: int = 100

    def __call__(self, texts: Sequence[str], vectors: NDArray[np.floating], encode: EncodeTexts) -> Singles:
        reworded = [insert_word(text, word) for text in texts for own in self.words.values() for word in own]
        per_text = len(reworded) // max(len(texts), 1)
        local = np.asarray(encode(reworded), np.float64).reshape(len(texts), per_text, -1)
        return np.stack(
            [self._one(np.asarray(t, np.float64), own) for t, own in zip(vectors, local, strict=True)]
        ).astype(np.float32)

    def _one(self, text: Floats, local: Floats) -> Floats:
        directions = local - local.mean(axis=0)
        _, sizes, rows = np.linalg.svd(directions, full_matrices=False)
        # Embeddings of texts are in single precision: smaller directions are rounding.
        basis = rows[sizes > 1e-6 * max(sizes.max(initial=0), 1e-12)]
        text = unit(text - basis.T @ (basis @ text))
        similarity = self.reference @ text
        means = []
        for code in np.unique(self.codes):
            own = np.flatnonzero(self.codes == code)
            top = own[np.argsort(-similarity[own], kind="stable")[: self.nearest]]
            means.append(self.reference[top].mean(axis=0))
        return equalised(text, np.stack(means))


def equalised(text: Floats, means: Floats) -> Floats:
    """The unit vector nearest to a text [D] whose similarity with all rows of `means` [G, D] is the same.

    Equal similarities say that the vector is orthogonal to every difference of two means. Among those of unit
    length the one with the greatest inner product is the normalised projection: the closed form of BendVLM's
    second step.
    """
    differences = means[1:] - means[0]
    _, sizes, rows = np.linalg.svd(differences, full_matrices=False)
    basis = rows[sizes > 1e-9]
    return unit(text - basis.T @ (basis @ text))


def insert_word(text: str, word: str) -> str:
    """A text with a word before its noun phrase: "a photo of a doctor" -> "a photo of a female doctor".

    The word goes behind the last article, which follows it; without an article, to the front.
    """
    words = text.split(" ")
    places = [number for number, own in enumerate(words[:-1]) if own.lower() in ("a", "an", "the")]
    if not places:
        return f"{word} {text}"
    at = places[-1]
    before = words[at] if words[at].lower() == "the" else article(word)
    return " ".join([*words[:at], before, word, *words[at + 1 :]])


def unit(vectors: NDArray[np.floating]) -> Floats:
    """Vectors [..., D] at unit length; zero stays zero."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0), dtype=np.float64)
