"""Write the merges of CLIP's byte-pair vocabulary that the package ships.

    python -m scripts.build_clip_bpe path/to/open_clip/bpe_simple_vocab_16e6.txt.gz

The source is the file of OpenAI's CLIP (MIT) as the open_clip_torch package holds it. Of its 262,144 merges
the first 48,894 are used: 49,408 tokens = 256 bytes + 256 bytes that end a word + merges + 2 special.
"""

from __future__ import annotations

import gzip
import hashlib
import sys
from pathlib import Path

SOURCE_SHA256 = "924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a"
# As in OpenAI's tokenizer, which reads `merges[1 : 49152 - 256 - 2 + 1]` of the file.
MERGES = 49152 - 256 - 2
OUT = Path(__file__).resolve().parents[1] / "clipmodel/data/clip_bpe/merges.txt"


def main(source: Path) -> None:
    data = source.read_bytes()
    if (found := hashlib.sha256(data).hexdigest()) != SOURCE_SHA256:
        raise SystemExit(f"{source}: SHA-256 {found}, expected {SOURCE_SHA256}")
    lines = gzip.decompress(data).decode("utf-8").split("\n")
    OUT.write_text("#version: 0.2\n" + "\n".join(lines[1 : MERGES + 1]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
