"""Token ids against transformers and open_clip, on text of every kind."""

from __future__ import annotations

import functools
import json
import shutil
import unicodedata
from pathlib import Path
from typing import Any

import pytest
import tokenizers
import torch

import clipmodel.inputs.tokenizer as tokenizer_module
from clipmodel.errors import UserError
from clipmodel.inputs.text_cleaning import clean
from clipmodel.inputs.tokenizer import CLIP_MERGES, END, START, BPETokenizer, clip_tokenizer
from tests.clipmodel.support.strange_texts import strange_texts
from tests.support.peers import peer_or_skip

# What the original's case-insensitive pattern sees differently; see the module's docstring.
KNOWN_DIFFERENCES = {"\u017f", "\u0345"}


@pytest.fixture(scope="module")
def tokenizer() -> BPETokenizer:
    return clip_tokenizer()


def transformers_tokenizer() -> Any:
    """transformers' CLIPTokenizer with OpenAI's vocabulary, numbered by the rule in its original code."""
    peer_or_skip("transformers")
    from transformers import CLIPTokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    merges: Any = [tuple(line.split()) for line in CLIP_MERGES.read_text(encoding="utf-8").splitlines()[1:]]
    letters = list(bytes_to_unicode().values())
    symbols = [*letters, *(f"{x}</w>" for x in letters), *("".join(pair) for pair in merges), START, END]
    return CLIPTokenizer(vocab={symbol: i for i, symbol in enumerate(symbols)}, merges=merges)


@pytest.mark.slow
def test_ids_equal_transformers_on_20_000_strange_texts(
    tokenizer: BPETokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = transformers_tokenizer()
    clean_once = functools.cache(clean)  # ftfy takes most of the time
    monkeypatch.setattr(tokenizer_module, "clean", clean_once)
    texts = strange_texts(20_000, seed=0)
    reference = theirs([clean_once(text) for text in texts], truncation=True, max_length=77)["input_ids"]
    padded = [ids + [0] * (77 - len(ids)) for ids in reference]
    assert tokenizer(texts, truncate=True).tolist() == padded


def test_ids_equal_the_original_code(tokenizer: BPETokenizer) -> None:
    simple = peer_or_skip("open_clip.tokenizer").SimpleTokenizer()

    def comparable(text: str) -> bool:
        cleaned = clean(text)
        return (
            unicodedata.is_normalized("NFC", cleaned)
            and not KNOWN_DIFFERENCES & set(cleaned)
            and START not in cleaned  # open_clip renamed its special tokens
            and END not in cleaned
            and all(unicodedata.category(letter) != "Cn" for letter in cleaned)
        )

    texts = [text for text in strange_texts(3000, seed=1) if comparable(text)]
    assert len(texts) > 2000
    assert torch.equal(tokenizer(texts, truncate=True), simple(texts))


def test_known_ids_and_padding(tokenizer: BPETokenizer) -> None:
    # 320 "a</w>", 1125 "photo</w>", 539 "of</w>", 1929 "dog</w>": OpenAI's ids, as in the model's README.
    assert tokenizer(["a photo of  a DOG"])[0, :9].tolist() == [49406, 320, 1125, 539, 320, 1929, 49407, 0, 0]
    assert tokenizer(["", " \n"]).tolist() == [[49406, 49407] + [0] * 75] * 2
    assert tokenizer([]).shape == (0, 77)
    assert tokenizer.vocab_size == 49408


def test_too_long_a_text_raises_or_ends_with_the_end(tokenizer: BPETokenizer) -> None:
    exact, long = "dog " * 75, "dog " * 76
    assert tokenizer([exact])[0].tolist() == [49406] + [1929] * 75 + [49407]
    with pytest.raises(ValueError, match="76 tokens, 75 fit: 'dog dog"):
        tokenizer(["dog", long])
    assert torch.equal(tokenizer([long], truncate=True), tokenizer([exact]))
    assert clip_tokenizer(context_length=4)([long], truncate=True).tolist() == [[49406, 1929, 1929, 49407]]


def test_remembered_words_change_nothing(tokenizer: BPETokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = strange_texts(400, seed=3)
    first = tokenizer(texts, truncate=True)
    assert torch.equal(tokenizer(texts, truncate=True), first)
    monkeypatch.setattr("clipmodel.inputs.tokenizer.WORDS_REMEMBERED", 5)
    assert torch.equal(torch.cat([tokenizer([text], truncate=True) for text in texts]), first)


def test_saving_keeps_ids_and_fingerprint(tokenizer: BPETokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path / "tokenizer.json")
    loaded = BPETokenizer.load(tmp_path / "tokenizer.json", context_length=77)
    assert loaded.fingerprint == tokenizer.fingerprint
    texts = strange_texts(200, seed=4)
    assert torch.equal(loaded(texts, truncate=True), tokenizer(texts, truncate=True))


def test_reads_what_transformers_saves(tokenizer: BPETokenizer, tmp_path: Path) -> None:
    transformers_tokenizer().save_pretrained(tmp_path)
    loaded = BPETokenizer.load(tmp_path / "tokenizer.json", context_length=77)
    texts = strange_texts(200, seed=5)
    assert torch.equal(loaded(texts, truncate=True), tokenizer(texts, truncate=True))


def test_a_trained_vocabulary_encodes_words_as_the_library_encodes_texts(tmp_path: Path) -> None:
    captions = ["a picture of a judge", "two dogs' paws, 3 of them", "a woman's hat; isn't it?"]
    trained = BPETokenizer.train(captions * 5, vocab_size=300, context_length=40)
    library = trained._bpe.encode_batch(captions, add_special_tokens=False)
    ids = [row[1 : int(row.argmax())].tolist() for row in trained(captions)]
    assert ids == [encoding.ids for encoding in library]


def test_a_vocabulary_that_is_none_for_clip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    tokenizers.Tokenizer(tokenizers.models.BPE(vocab={"a": 0}, merges=[])).save(str(path))
    with pytest.raises(UserError, match=r"tokenizer\.json: the vocabulary must end with <\|startoftext\|>"):
        BPETokenizer.load(path, context_length=77)
    path.write_text("{")
    with pytest.raises(UserError, match="no readable tokenizer"):
        BPETokenizer.load(path, context_length=77)


def test_rules_that_look_past_white_space_are_refused() -> None:
    vocab = {letter: i for i, letter in enumerate([*sorted(set("two dogs' 3rd")), START, END])}
    whole = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocab, merges=[]))
    whole.add_special_tokens([START, END])
    with pytest.raises(ValueError, match="not split at white space"):
        BPETokenizer(whole, context_length=8)


def test_reads_vocabulary_and_merges_of_older_folders(tokenizer: BPETokenizer, tmp_path: Path) -> None:
    path = tmp_path / "vocab.json"
    path.write_text(json.dumps(tokenizer._bpe.get_vocab()), encoding="utf-8")
    with pytest.raises(UserError, match=r"merges\.txt"):
        BPETokenizer.load(path, context_length=77)
    shutil.copy(CLIP_MERGES, tmp_path)
    assert BPETokenizer.load(path, context_length=77).fingerprint == tokenizer.fingerprint


def test_merges_and_ids_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    (tmp_path / "vocab.json").write_text(json.dumps({"a": 0, "b": 1, START: 2, END: 3}))
    (tmp_path / "merges.txt").write_text("#version: 0.2\na b\n")
    with pytest.raises(UserError, match="Token `ab` out of vocabulary"):
        BPETokenizer.load(tmp_path / "vocab.json", context_length=8)
