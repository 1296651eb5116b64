"""Methods that drop or replace the coordinates which tell most of the attribute."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clipmodel.array_types import Floats
from probes.mitigation.fitting import FitData, Method
from probes.mitigation.transform import Map, Mitigation

BINS = 16


class ClipClip(Method):
    """Drop the coordinates of the highest mutual information with the attribute, from images and texts.

    Parameters
    ----------
    share
        Of the coordinates that are dropped; the paper drops 100 to 400 of 512 (recalled).
    """

    name = "clip_clip"
    source = "Wang, Liu & Wang 2021, arXiv 2109.05433"
    about = "Drops the coordinates that share most information with the attribute."

    def __init__(self, share: float = 0.2) -> None:
        self.share = share

    def fit(self, data: FitData) -> Mitigation:
        information = mutual_information(data.images, data.codes)
        dropped = strongest(information, self.share)
        keep = np.ones(len(information))
        keep[dropped] = 0.0
        removal = Map(matrix=np.diag(keep))
        return Mitigation(
            method=self.name, attribute=data.attribute, image=removal, text=removal,
            parameters={"dropped": len(dropped)},
        )  # fmt: skip


class SFID(Method):
    """Replace the coordinates that a random forest finds important by their mean over uncertain images.

    Images of which the forest is uncertain are taken for neutral; the texts get the mean of the suite's texts
    in the same coordinates (the paper trains a forest on texts as well; recalled).
    """

    name = "sfid"
    source = "Jung et al. 2024 (recalled)"
    about = "Replaces the coordinates that a random forest relies on by those of images it is unsure of."

    def __init__(self, share: float = 0.1, uncertain: float = 0.2, trees: int = 100) -> None:
        self.share, self.uncertain, self.trees = share, uncertain, trees

    def fit(self, data: FitData) -> Mitigation:
        from sklearn.ensemble import RandomForestClassifier

        forest = RandomForestClassifier(
            self.trees, oob_score=True, random_state=data.seed, n_jobs=1, min_samples_leaf=5
        ).fit(data.images, data.codes)
        replaced = strongest(forest.feature_importances_, self.share)
        # An image that all trees were grown on has no out-of-bag prediction: it does not count as
        # uncertain.
        confidence = np.nan_to_num(forest.oob_decision_function_, nan=1.0).max(axis=1)
        neutral = data.images[confidence <= np.quantile(confidence, self.uncertain)]
        keep = np.ones(data.images.shape[1])
        keep[replaced] = 0.0
        fill = 1.0 - keep
        return Mitigation(
            method=self.name, attribute=data.attribute,
            image=Map(matrix=np.diag(keep), offset=fill * neutral.mean(axis=0)),
            text=Map(matrix=np.diag(keep), offset=fill * data.text_vectors.mean(axis=0)),
            parameters={"replaced": len(replaced), "neutral_images": len(neutral)},
        )  # fmt: skip


def strongest(score: NDArray[np.floating], share: float) -> NDArray[np.intp]:
    """Positions of the highest scores, at least one."""
    n = max(1, round(share * len(score)))
    return np.argsort(-np.asarray(score), kind="stable")[:n]


def mutual_information(x: Floats, codes: NDArray[np.int64], *, bins: int = BINS) -> Floats:
    """Mutual information (nats) of each column [N, D] with a class, the column cut into equally full bins."""
    # Not sklearn's mutual_info_classif: it adds noise to the values, for an estimate by nearest neighbours.
    n, groups = len(x), int(codes.max()) + 1
    rank = np.argsort(np.argsort(x, axis=0, kind="stable"), axis=0, kind="stable")
    binned = rank * bins // n
    joint = np.zeros((x.shape[1], bins, groups))
    for group in range(groups):
        own = binned[codes == group]
        for place in range(bins):
            joint[:, place, group] = (own == place).sum(axis=0)
    joint /= n
    expected = joint.sum(axis=2, keepdims=True) * joint.sum(axis=1, keepdims=True)
    terms = np.where(
        joint > 0, joint * np.log(np.where(joint > 0, joint, 1) / np.where(expected > 0, expected, 1)), 0
    )
    return np.asarray(terms.sum(axis=(1, 2)), dtype=np.float64)
