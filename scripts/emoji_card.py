"""Print the figures that probes/data/emoji/CARD.md states, counted from the shipped files.

python -m scripts.emoji_card
"""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from probes.datasets.emoji import ABSENT, FOLDER, ORDERS

TONES = ORDERS["skin_tone"]
HELD_OUT = ("held_out_combination", "held_out_family")
SIDE = 12  # of the images that the linear baseline sees
CHANGED = 32  # of 255: above what WebP changes
ATTRIBUTES = ("skin_tone", "gender", "age", "occupation")


def lightness(rgb: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """CIELAB L* (0-100) of sRGB values in 0-255, [..., 3], white point D65 (IEC 61966-2-1, CIE 15)."""
    c = rgb / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    y = linear @ np.array([0.2126, 0.7152, 0.0722])
    return np.where(y > (6 / 29) ** 3, 116 * np.cbrt(y) - 16, y * (29 / 3) ** 3)


def skin_lightness(rows: pd.DataFrame) -> dict[str, float]:
    """Median L* per tone of the pixels that differ between light and dark, over one set's persons."""
    found: dict[str, list[npt.NDArray[np.float64]]] = {tone: [] for tone in TONES}
    persons = rows[(rows["category"] == "person") & rows["visible_skin_tone"]]
    for _, drawing in persons.groupby(["concept", "gender"]):
        images = {
            tone: np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=np.float64)
            for tone, data in zip(drawing["skin_tone"], drawing["image"], strict=True)
        }
        if len(images) == len(TONES):
            # The pixels that change between the lightest and the darkest tone are those of the skin.
            changed = np.abs(images[TONES[0]] - images[TONES[-1]]).max(axis=-1) > CHANGED
            for tone in TONES:
                found[tone].append(lightness(images[tone][changed]))
    return {tone: float(np.median(np.concatenate(values))) for tone, values in found.items()}


def not_visible(rows: pd.DataFrame) -> pd.DataFrame:
    """Labels of persons, and how many of them their images do not show."""
    persons = rows[rows["category"] == "person"]
    labelled = {name: persons[persons[name] != ABSENT] for name in ATTRIBUTES}
    hidden = {name: int((~part[f"visible_{name}"]).sum()) for name, part in labelled.items()}
    sizes = {name: len(part) for name, part in labelled.items()}
    return pd.DataFrame({"labelled": sizes, "not visible": hidden})


def linear_baseline(rows: pd.DataFrame) -> pd.DataFrame:
    """Accuracy of logistic regression on 12 x 12 raw pixels, trained on `train`: what needs no insight."""
    persons = rows[rows["category"] == "person"]
    pixels = pd.Series([_thumbnail(data) for data in persons["image"]], index=persons.index)
    found: dict[str, dict[str, str]] = {}
    for name in ("occupation", "gender", "skin_tone"):
        asked = persons[persons[f"visible_{name}"] & ~persons[name].isin([ABSENT, "person"])]
        train = asked[asked["split"] == "train"]
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        model.fit(np.stack(pixels[train.index].tolist()), train[name])
        found[name] = {}
        for split in HELD_OUT:
            part = asked[asked["split"] == split]
            score = model.score(np.stack(pixels[part.index].tolist()), part[name])
            found[name][split] = f"{score:.2f} (n {len(part):,})"
    return pd.DataFrame(found).T


def _thumbnail(data: bytes) -> npt.NDArray[np.float64]:
    image = Image.open(io.BytesIO(data)).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(image, dtype=np.float64).reshape(-1)


def main() -> None:
    rows = pd.concat([pd.read_parquet(path) for path in sorted(FOLDER.glob("*.parquet"))], ignore_index=True)
    print(f"{len(rows):,} images, {rows['drawing_id'].nunique():,} drawings\n")
    print(rows["category"].value_counts().to_string(), "\n")
    table = pd.crosstab(rows["vendor"], rows["split"], margins=True)[[*ORDERS["split"], "All"]]
    print(table.to_string(), "\n")
    print("drawings:", rows.groupby("split")["drawing_id"].nunique().to_dict(), "\n")
    print(not_visible(rows).to_string(), "\n")
    tones = {str(vendor): skin_lightness(part) for vendor, part in rows.groupby("vendor")}
    print(pd.DataFrame(tones).T.round().astype(int).to_string(), "\n")
    print(linear_baseline(rows).to_string())


if __name__ == "__main__":
    main()
