"""What CLIP_benchmark and open_clip read, and averages over lists."""

from __future__ import annotations

import numpy as np
import pytest

from audit.evaluation.interchange import AVERAGE_COLUMN, list_average, open_clip_row, results_frame
from clipmodel.evaluation.registry.catalogue import set_lists
from tests.audit.support.evaluation_results import result_of


def test_the_frame_has_their_columns_and_ours() -> None:
    frame = results_frame([result_of()])
    assert {"acc1", "acc1_low", "acc1_high", "model_fullname", "n", "seed", "fingerprint"} <= set(frame)


# A published row of open_clip's docs/openclip_results.csv (ViT-H-14-378-quickgelu, dfn5b).
AVERAGE = 0.7079


PUBLISHED = {
    "ImageNet 1k": 0.8437, "Caltech-101": 0.9517, "CIFAR-10": 0.9880, "CIFAR-100": 0.9043,
    "CLEVR Counts": 0.3596, "CLEVR Distance": 0.2085, "Country211": 0.3787, "Describable Textures": 0.7106,
    "EuroSAT": 0.6133,
    "FGVC Aircraft": 0.7219, "Food-101": 0.9623, "GTSRB": 0.6782, "ImageNet Sketch": 0.7324,
    "ImageNet v2": 0.7833, "ImageNet-A": 0.7964, "ImageNet-O": 0.3810, "ImageNet-R": 0.9376,
    "KITTI Vehicle Distance": 0.3966, "MNIST": 0.8364, "ObjectNet": 0.7340, "Oxford Flowers-102": 0.8935,
    "Oxford-IIIT Pet": 0.9696, "Pascal VOC 2007": 0.8241, "PatchCamelyon": 0.6964, "Rendered SST2": 0.5546,
    "RESISC45": 0.7589, "Stanford Cars": 0.9598, "STL-10": 0.9906, "SUN397": 0.7733, "SVHN": 0.6739,
    "Flickr": 0.8801, "MSCOCO": 0.6376, "WinoGAViL": 0.5674, "iWildCam": 0.2205, "Camelyon17": 0.7211,
    "FMoW": 0.2075, "Dollar Street": 0.7173, "GeoDE": 0.9349,
}  # fmt: skip


def published_values() -> dict[str, dict[str, float]]:
    members = set_lists()["datacomp38"].members
    assert {member.column for member in members} == set(PUBLISHED)
    return {member.set: {member.metric: PUBLISHED[member.column]} for member in members}


def test_the_average_over_38_sets_is_open_clips() -> None:
    found = list_average(published_values(), "datacomp38")
    assert found.value == pytest.approx(AVERAGE, abs=5e-5) and not found.missing


def test_an_average_names_what_is_missing() -> None:
    values = published_values()
    del values["dtd"], values["geode"]
    found = list_average(values, "datacomp38")
    assert np.isnan(found.value) and list(found.missing) == ["dtd", "geode"] and len(found.present) == 36


def test_a_row_for_open_clips_table() -> None:
    row = open_clip_row([result_of("cifar10", 0.9), result_of("stl10", 0.8)], parameters=151_277_313)
    assert list(row)[:5] == ["name", "pretrained", "params (M)", "FLOPs (B)", AVERAGE_COLUMN]
    assert sorted(list(row)[5:]) == sorted(PUBLISHED) and row["params (M)"] == 151.28
    assert (row["CIFAR-10"], row["STL-10"]) == (0.9, 0.8) and np.isnan(row[AVERAGE_COLUMN])
    with pytest.raises(ValueError, match="of one model"):
        open_clip_row([result_of(), result_of(model="RN50")])
