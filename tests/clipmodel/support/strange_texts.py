"""Text of every kind that a caption may hold, drawn from a seed."""

from __future__ import annotations

import html.entities
import random

from clipmodel.inputs.tokenizer import END, START

WORDS = """a photo of the dog woman's Judge 3 2,000 isn't naïve café 東京 Привет ΟΔΟΣ नमस्ते مرحبا ﬁne
    â€œmojibakeâ€\x9d""".split()  # noqa: SIM905


EMOJI = [0x1F600, 0x1F468, 0x1F3FB, 0x200D, 0xFE0F, 0x2640, 0x1F1E6, 0xE0067]


BLANKS = " \t\n\r\f\v\x1c\x85\u00a0\u3000\u200b\ufeff"


def strange_texts(n: int, *, seed: int) -> list[str]:
    """Every plane of Unicode (surrogates too), entities, emoji, blanks, controls, very long texts."""
    rng = random.Random(seed)
    entities = list(html.entities.html5)

    def entity() -> str:
        named = rng.choice(entities)
        return rng.choice([f"&{named}", f"&amp;{named}", f"&#{rng.randrange(0x11000)};"])

    kinds = [
        lambda: "".join(chr(rng.randrange(17) * 0x10000 + rng.randrange(0x10000)) for _ in range(8)),
        lambda: " ".join(rng.choice([rng.choice(WORDS), entity()]) for _ in range(rng.randint(1, 8))),
        lambda: "".join(chr(rng.choice(EMOJI) + rng.randrange(8)) for _ in range(rng.randint(1, 12))),
        lambda: "".join(rng.choice(BLANKS) for _ in range(rng.randint(0, 10))),
        lambda: "".join(chr(rng.randrange(0x3000)) for _ in range(rng.randint(1, 16))),
        lambda: "".join(chr(rng.randrange(128)) for _ in range(rng.randint(0, 60))),
        lambda: " ".join(rng.choice(WORDS[:10]) for _ in range(rng.choice([30, 60, 90, 400]))),
        lambda: " ".join(rng.choice([*WORDS, START, END, "'ſ"]) for _ in range(9)),
    ]
    return [kinds[i % len(kinds)]() for i in range(n)]
