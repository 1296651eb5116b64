"""Association of attributes in words: what a gap by one of them could be instead."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from audit.formatting import integer, percent, words
from probes.records.manifest_types import Confounding, Manifest


def confounding_sentence(pair: Confounding) -> str:
    """One pair of associated attributes: how strongly, and the cell that shows it best.

    Examples
    --------
    >>> confounding_sentence(record)
    "gender and race are confounded in these images (Cramer's V 0.88): of 40 with gender woman, ..."
    """
    first, second = map(words, pair["attributes"])
    how = "confounded" if pair["confounded"] else "associated"
    text = f"{first} and {second} are {how} in these images (Cramer's V {pair['cramers_v']:.2f})"
    if (cell := pair["worst"]) is not None:
        share, rest = cell["count"] / cell["n"], cell["count_rest"] / cell["n_rest"]
        text += (
            f": of {integer(cell['n'])} with {words(cell['attribute'])} {words(cell['value'])}, "
            f"{percent(share)} have {words(cell['other'])} {words(cell['other_value'])}, of the other "
            f"{integer(cell['n_rest'])} {percent(rest)}"
        )
    return f"{text}. A gap by {first} may be one by {second}, and the other way round."


def confounding_about(pairs: Iterable[Confounding], attributes: Collection[str]) -> list[Confounding]:
    """The pairs of which a grouping by these attributes has one and not both."""
    return [pair for pair in pairs if len(set(pair["attributes"]) & set(attributes)) == 1]


def data_caution(manifest: Manifest) -> str:
    """The caution of the card of the data, and the pairs that are confounded, the strongest first."""
    data = manifest["data"]
    strong = [one for one in data.get("confounding", []) if one["confounded"]]
    ranked = sorted(strong, key=lambda one: -one["cramers_v"])
    return " ".join([data.get("caution", ""), *map(confounding_sentence, ranked)]).strip()
