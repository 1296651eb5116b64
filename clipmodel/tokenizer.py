"""Byte-pair tokens as CLIP uses them: cleaned lower-case text between a start and an end token.

Shapes: C texts, L tokens (the context length).
"""

from __future__ import annotations

import hashlib
import html
from collections.abc import Iterable, Sequence
from pathlib import Path

import ftfy
import numpy as np
import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from torch import Tensor

from clipmodel.errors import UserError

START, END = "<|startoftext|>", "<|endoftext|>"
# Special tokens, English contractions, letters, single digits, runs of everything else (OpenAI's rule).
_WORDS = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"


def clean(text: str) -> str:
    """The paper's cleaning: mend mojibake, unescape HTML twice, collapse white space, lower case."""
    if not text.isascii():
        text = ftfy.fix_text(text)
    return " ".join(html.unescape(html.unescape(text)).split()).lower()


class BPETokenizer:
    """Texts to token ids.

    Parameters
    ----------
    bpe
        A byte-level BPE whose two highest ids are the start and the end of text.
    context_length
        Tokens a text may have, start and end included.
    """

    def __init__(self, bpe: Tokenizer, *, context_length: int) -> None:
        start, end = bpe.token_to_id(START), bpe.token_to_id(END)
        if start is None or end is None or end != bpe.get_vocab_size() - 1:
            raise ValueError(f"the vocabulary must end with {START} and {END}, the end with the highest id")
        self.context_length = context_length
        self._bpe = bpe
        self._start, self._end = start, end

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
        encoded = self._bpe.encode_batch([clean(text) for text in texts], add_special_tokens=False)
        tokens = np.zeros((len(texts), self.context_length), dtype=np.int64)
        room = self.context_length - 2
        for row, text, encoding in zip(tokens, texts, encoded, strict=True):
            ids = encoding.ids
            if len(ids) > room and not truncate:
                raise ValueError(f"{len(ids)} tokens, {room} fit: {text[:60]!r}")
            ids = ids[:room]
            row[: len(ids) + 2] = [self._start, *ids, self._end]
        return torch.from_numpy(tokens)

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
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size - 2,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        bpe.train_from_iterator((clean(text) for text in texts), trainer)
        bpe.add_special_tokens([START, END])
        return cls(bpe, context_length=context_length)

    def save(self, path: Path) -> None:
        self._bpe.save(str(path))

    @classmethod
    def load(cls, path: Path, *, context_length: int) -> BPETokenizer:
        """Read a tokenizer.json written by `save`."""
        try:
            return cls(Tokenizer.from_file(str(path)), context_length=context_length)
        except ValueError as error:
            raise UserError(f"{path}: {error}", remedy="point to the tokenizer the model was trained with") from error
        except Exception as error:  # tokenizers raises bare Exception for a damaged file
            raise UserError(f"{path}: no readable tokenizer ({error})", remedy="restore the file") from error
