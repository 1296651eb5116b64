"""Byte-pair tokens as CLIP uses them: cleaned lower-case text between a start and an end token.

`clip_tokenizer` is the vocabulary of the published models. Its ids are those of transformers' CLIPTokenizer
for the cleaned text, whatever the text is. They are those of the original code as well, which composes no
combining marks written as HTML entities (here NFC does), takes U+017F after an apostrophe for an "s" and
U+0345 for a letter, and may know the letters of another version of Unicode.

Shapes: C texts, L tokens (the context length).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from torch import Tensor

from clipmodel.errors import UserError
from clipmodel.inputs.text_cleaning import clean

START, END = "<|startoftext|>", "<|endoftext|>"
# Special tokens, English contractions, letters, single digits, runs of everything else (OpenAI's rule).
_WORDS = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"
# Where a rule that looks past white space would give other tokens than the words alone.
_PROBE = "two  dogs' 3rd"
WORDS_REMEMBERED = 1 << 17  # some 30 MB
CLIP_MERGES = Path(__file__).parents[1] / "data" / "clip_bpe" / "merges.txt"


class BPETokenizer:
    """Texts to token ids.

    Words are encoded once and remembered: text repeats its words, and splitting it at white space costs a
    tenth of encoding it. No rule of the vocabulary may therefore look past white space.

    Parameters
    ----------
    bpe
        A byte-level BPE whose highest ids are the start and the end of text, which splits at white space.
    context_length
        Tokens a text may have, start and end included.

    Raises
    ------
    ValueError
        The vocabulary is of another kind.
    """

    def __init__(self, bpe: Tokenizer, *, context_length: int) -> None:
        start, end = bpe.token_to_id(START), bpe.token_to_id(END)
        # The text tower reads the position of the highest id (`TextTransformer.forward`).
        if start is None or end is None or end != bpe.get_vocab_size() - 1:
            raise ValueError(f"the vocabulary must end with {START} and {END}, the end with the highest id")
        self.context_length = context_length
        self._bpe = bpe
        self._start, self._end = start, end
        self._ids: dict[str, list[int]] = {}
        if self._encode([_PROBE]) != [bpe.encode(_PROBE, add_special_tokens=False).ids]:
            raise ValueError("the vocabulary is not split at white space as CLIP's is")

    @property
    def vocab_size(self) -> int:
        return self._bpe.get_vocab_size()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the serialised vocabulary and rules."""
        return hashlib.sha256(self._bpe.to_str().encode()).hexdigest()

    def __call__(self, texts: Sequence[str], *, truncate: bool = False) -> Tensor:
        """Token ids [C, L], zero padded.

        Raises
        ------
        ValueError
            A text has more tokens than fit and `truncate` is False. With it the last token kept is
            replaced by the end of text, as in the original.
        """
        encoded = self._encode([clean(text) for text in texts])
        room = self.context_length - 2
        for text, ids in zip(texts, encoded, strict=True):
            if len(ids) > room:
                if not truncate:
                    raise ValueError(f"{len(ids)} tokens, {room} fit: {text[:60]!r}")
                del ids[room:]
        lengths = np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded))
        tokens = np.zeros((len(encoded), self.context_length), dtype=np.int64)
        # In the order of the rows, which is the order in which a boolean mask is filled.
        positions = np.arange(self.context_length)
        tokens[:, 0] = self._start
        tokens[(positions >= 1) & (positions <= lengths[:, None])] = [*chain.from_iterable(encoded)]
        tokens[np.arange(len(encoded)), lengths + 1] = self._end
        return torch.from_numpy(tokens)

    def _encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of cleaned texts, without start and end."""
        if len(self._ids) > WORDS_REMEMBERED:
            self._ids = {}
        known = self._ids
        split = [text.split() for text in texts]
        # CLIP's vocabulary splits at white space first, so the ids of a text are those of its words; words
        # repeat far more than texts do. The constructor checks that the vocabulary really does.
        new = list(set().union(*split).difference(known))
        # The library encodes without the interpreter's lock, on all cores.
        encodings = self._bpe.encode_batch_fast(new, add_special_tokens=False)
        known.update((word, encoding.ids) for word, encoding in zip(new, encodings, strict=True))
        return [[*chain.from_iterable(map(known.__getitem__, words))] for words in split]

    @classmethod
    def train(cls, texts: Iterable[str], *, vocab_size: int, context_length: int) -> BPETokenizer:
        """Learn a byte-level BPE from texts; the same texts in the same order give the same vocabulary.

        Words begin with a marked space instead of ending with "</w>" as in OpenAI's vocabulary: the
        library numbers suffixed letters in the order of a hash table, another one in each process.
        """
        bpe = Tokenizer(models.BPE())
        bpe.normalizer = normalizers.Sequence([normalizers.NFC()])
        bpe.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True),
                pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=False),
            ]
        )
        bpe.decoder = decoders.ByteLevel()
        # Two ids are left for the start and the end, which are added last and so get the highest ids. The
        # alphabet comes in the order of a hash table; sorted, it gets the same ids in every process.
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size - 2,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        bpe.train_from_iterator((clean(text) for text in texts), trainer)
        bpe.add_special_tokens([START, END])
        return cls(bpe, context_length=context_length)

    @classmethod
    def from_merges(
        cls, merges: Sequence[tuple[str, str]], vocab: dict[str, int] | None = None, *, context_length: int
    ) -> BPETokenizer:
        """OpenAI's kind of byte-pair vocabulary, in which words end with "</w>".

        Parameters
        ----------
        merges
            Pairs of symbols, the most frequent first.
        vocab
            Ids of all symbols, as in transformers' vocab.json. By default in OpenAI's order: 256 bytes,
            256 bytes that end a word, the merges, the start and the end of text.
        """
        vocab = vocab or _numbered(merges)
        # The end of text stands for what is unknown in transformers' CLIPTokenizer too; with all 256 bytes in
        # the vocabulary no text needs it.
        model = models.BPE(vocab=vocab, merges=list(merges), end_of_word_suffix="</w>", unk_token=END)
        bpe = Tokenizer(model)
        bpe.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
        bpe.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True),
                # Without its own rule, which is GPT-2's: the words are split by CLIP's already.
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        bpe.decoder = decoders.ByteLevel()
        bpe.add_special_tokens([START, END])
        return cls(bpe, context_length=context_length)

    def save(self, path: Path) -> None:
        """Write a tokenizer.json, the format of the tokenizers library."""
        self._bpe.save(str(path))

    @classmethod
    def load(cls, path: Path, *, context_length: int) -> BPETokenizer:
        """Read a tokenizer.json, as `save` and transformers' CLIPTokenizer write it, or an older vocab.json.

        Beside a vocab.json lies its merges.txt.

        Raises
        ------
        UserError
            A file is missing or damaged, or the vocabulary is none for CLIP.
        """
        with refuse_panic(path):
            try:
                if path.name == "vocab.json":
                    merges = _read_merges(path.with_name("merges.txt"))
                    vocab = json.loads(path.read_text(encoding="utf-8"))
                    return cls.from_merges(merges, vocab, context_length=context_length)
                return cls(Tokenizer.from_file(str(path)), context_length=context_length)
            except ValueError as error:
                raise UserError(f"{path}: {error}", remedy="use the tokenizer of the model") from error
            except Exception as error:  # tokenizers raises bare Exception for a damaged file
                raise UserError(
                    f"{path}: no readable tokenizer ({error})", remedy="restore the file"
                ) from error


@contextmanager
def refuse_panic(where: Path | str) -> Iterator[None]:
    """Turn a panic of the tokenizers library, which derives from BaseException, into a UserError."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        reason = (str(error).splitlines() or ["it panicked"])[0]
        raise UserError(
            f"{where}: the tokenizers library cannot work with this tokenizer ({reason})",
            remedy="restore the tokenizer's file",
        ) from error


def clip_tokenizer(context_length: int = 77) -> BPETokenizer:
    """The tokenizer of the published CLIP models: 49,408 tokens, shipped with the package."""
    return BPETokenizer(_clip_bpe(), context_length=context_length)


@cache
def _clip_bpe() -> Tokenizer:
    # The length is no part of the vocabulary; 2 is the least.
    return BPETokenizer.from_merges(_read_merges(CLIP_MERGES), context_length=2)._bpe


def _read_merges(path: Path) -> list[tuple[str, str]]:
    """Pairs of symbols, one a line under a line with the version."""
    lines = path.read_text(encoding="utf-8").splitlines()[1:]
    return [(left, right) for left, _, right in (line.partition(" ") for line in lines if line)]


def _numbered(merges: Sequence[tuple[str, str]]) -> dict[str, int]:
    """OpenAI's ids: visible bytes in their order, then the others, which get letters from U+0100 on."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    symbols = [*alphabet, *(f"{byte}</w>" for byte in alphabet), *(left + right for left, right in merges)]
    return {symbol: number for number, symbol in enumerate([*symbols, START, END])}
