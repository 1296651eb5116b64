"""The cleaning of captions that CLIP begins with, before tokens are made or queries are matched."""

from __future__ import annotations

import html
import re

# Printable ASCII without entities: all that unescaping and ftfy, which costs 50 times the rest, leave alone.
_PLAIN = re.compile(r"[ -%'-~\t\n\r\f]*")


def clean(text: str) -> str:
    """The paper's cleaning: repair mojibake, unescape HTML twice, collapse white space, lower case."""
    if not _PLAIN.fullmatch(text):
        import ftfy  # here, since few texts need it

        # Twice, since captions of the web are often escaped twice (&amp;lt;); as in the original.
        text = html.unescape(html.unescape(ftfy.fix_text(text)))
    return " ".join(text.split()).lower()
