"""The data set as shipped: schema, images, labels, and a rebuild with the same bytes."""

import io
import os
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

from scripts.build_emoji.build import SCHEMA, build
from scripts.build_emoji.sources import VENDORS
from scripts.build_emoji.vocabulary import OCCUPATIONS

DATA = Path("probes/data/emoji")
NPM = Path(os.environ.get("CLIP_AUDIT_NPM", "build/emoji/node_modules"))
LARGEST_BYTES = 16_500_000


@pytest.fixture(scope="module")
def shipped() -> pd.DataFrame:
    return pd.concat([pd.read_parquet(path) for path in sorted(DATA.glob("*.parquet"))], ignore_index=True)


def test_files_have_the_schema_and_the_promised_size() -> None:
    files = sorted(DATA.glob("*.parquet"))
    assert {file.stem for file in files} == {vendor.name for vendor in VENDORS}
    assert all(pq.read_schema(file).equals(SCHEMA) for file in files)
    assert sum(file.stat().st_size for file in files) <= LARGEST_BYTES


def test_ids_are_unique_and_name_their_vendor(shipped: pd.DataFrame) -> None:
    assert shipped["id"].is_unique
    assert (shipped["id"].str.split("/").str[0] == shipped["vendor"]).all()
    assert not shipped.drop(columns=["image", "keywords"]).isna().any().any()


def test_one_image_for_each_vendor_concept_gender_and_tone(shipped: pd.DataFrame) -> None:
    assert not shipped.duplicated(["vendor", "concept", "gender", "skin_tone"]).any()


def test_every_image_is_64_by_64_rgb_webp(shipped: pd.DataFrame) -> None:
    for encoded in shipped["image"]:
        image = Image.open(io.BytesIO(encoded))
        assert (image.format, image.size, image.mode) == ("WEBP", (64, 64), "RGB")


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("skin_tone", {"light", "medium-light", "medium", "medium-dark", "dark", "none"}),
        ("gender", {"woman", "man", "person", "none"}),
        ("age", {"baby", "child", "adult", "older", "none"}),
        ("occupation", {*OCCUPATIONS, "none"}),
        ("split", {"train", "validation", "held_out_combination", "held_out_family"}),
        ("licence", {"Apache-2.0", "CC-BY-4.0", "CC-BY-SA-4.0", "MIT"}),
    ],
)
def test_values(shipped: pd.DataFrame, column: str, values: set[str]) -> None:
    assert set(shipped[column]) == values


@pytest.mark.parametrize("attribute", ["skin_tone", "gender", "age", "occupation"])
def test_what_has_no_label_is_not_visible(shipped: pd.DataFrame, attribute: str) -> None:
    assert not shipped.loc[shipped[attribute] == "none", f"visible_{attribute}"].any()


def test_only_persons_and_beings_have_personal_attributes(shipped: pd.DataFrame) -> None:
    others = shipped[~shipped["category"].isin(["person", "fantasy being"])]
    columns = ["skin_tone", "gender", "age", "occupation", "activity", "hair"]
    assert (others[columns] == "none").all(axis=None)


def test_known_faults_of_the_art_are_marked(shipped: pd.DataFrame) -> None:
    by_id = shipped.set_index("id")
    assert by_id.loc["noto/pregnant-man", "gender"] == "man"
    # Noto draws one astronaut for all genders; its first version draws the person biking as the man.
    assert not by_id.loc["noto/woman-astronaut", "visible_gender"]
    old = shipped[(shipped["vendor"] == "noto-v1") & (shipped["concept"] == "biking")].set_index("gender")
    assert not old.loc["person", "visible_gender"].any()
    assert old.loc["woman", "visible_gender"].all()


def test_each_vendor_with_occupations_has_all_of_them(shipped: pd.DataFrame) -> None:
    cells = shipped[shipped["occupation"] != "none"].groupby("vendor").size()
    # 16 occupations x 6 tones (one of them without modifier) x 3 genders = 288; noto-v1 draws 2 genders: 192.
    whole = ("fluent-emoji", "fluent-emoji-flat", "noto", "openmoji", "twemoji")
    assert cells.to_dict() == {**dict.fromkeys(whole, 288), "noto-v1": 192}


def test_share_alike_images_are_kept_in_a_file_of_their_own(shipped: pd.DataFrame) -> None:
    share_alike = shipped["licence"].str.contains("SA")
    assert set(shipped.loc[share_alike, "vendor"]) == {"openmoji"}
    assert set(pd.read_parquet(DATA / "openmoji.parquet")["licence"]) == {"CC-BY-SA-4.0"}


def test_the_card_states_the_counts(shipped: pd.DataFrame) -> None:
    card = (DATA / "CARD.md").read_text(encoding="utf-8").splitlines()
    splits = ("train", "validation", "held_out_combination", "held_out_family")
    sizes = [*(int((shipped["split"] == split).sum()) for split in splits), len(shipped)]
    drawings = shipped.groupby("split")["drawing_id"].nunique()
    clusters = [*(int(drawings[split]) for split in splits), shipped["drawing_id"].nunique()]
    assert "| all | " + " | ".join(f"{n:,}" for n in sizes) + " |" in card
    assert "| drawings | " + " | ".join(f"{n:,}" for n in clusters) + " |" in card


@pytest.mark.skipif(
    not NPM.is_dir(), reason="the emoji packages are not installed; 'make data' installs them"
)
def test_a_rebuild_gives_the_same_bytes(tmp_path: Path) -> None:
    smallest = tuple(vendor for vendor in VENDORS if vendor.name == "emojione")
    build(NPM, tmp_path, vendors=smallest)
    assert (tmp_path / "emojione.parquet").read_bytes() == (DATA / "emojione.parquet").read_bytes()
