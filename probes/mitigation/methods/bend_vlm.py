"""BendVLM: every text bent on its own, with the help of labelled images (Gerych et al. 2024)."""

from __future__ import annotations

from probes.mitigation.fitting import FitData, Method, UnsuitableError
from probes.mitigation.transform import LocalTexts, Mitigation


class BendVLM(Method):
    """Project a text locally, then equalise its similarity with the nearest images of each group.

    The authors let a language model write the words of the groups into the query; here they are inserted
    before its noun (`transform.insert_word`).
    """

    name = "bend_vlm"
    source = "Gerych et al. 2024, arXiv 2411.04420, both steps in closed form"
    about = "Bends each text so that the nearest images of all groups are equally similar to it."

    def __init__(self, nearest: int = 100) -> None:
        self.nearest = nearest

    def fit(self, data: FitData) -> Mitigation:
        if len(data.pairs) == 0:
            raise UnsuitableError("the suite asks no text", remedy="name another method")
        words = {level: tuple(data.words[level][:1]) for level in data.levels}
        local = LocalTexts(reference=data.images, codes=data.codes, words=words, nearest=self.nearest)
        return Mitigation(
            method=self.name, attribute=data.attribute, local=local, parameters={"nearest": self.nearest}
        )
