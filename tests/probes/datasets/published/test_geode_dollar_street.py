"""GeoDE and Dollar Street."""

from __future__ import annotations

from pathlib import Path

import pytest

from clipmodel.errors import UserError
from probes.datasets.published.geode_dollar_street import load_dollar_street, load_geode
from tests.probes.datasets.conftest import WriteImages

STREET = (
    "id,country.id,country.name,region.id,type,topics,place,income,imageRelPath,imagenet_synonyms,"
    "imagenet_sysnet_id"
)


@pytest.mark.parametrize(
    ("header", "attribute"),
    [("object,region,file_path", "region"), ("object,ip_country,file_name", "country")],
)
def test_geode_is_read_in_both_forms(
    tmp_path: Path, write_images: WriteImages, header: str, attribute: str
) -> None:
    write_images("images/a.jpg")
    (tmp_path / "index.csv").write_text(f"{header}\nbag,Africa,images/a.jpg\nstove,,images/b.jpg\n")
    data = load_geode(tmp_path)
    assert data.attributes == ["object", attribute]
    assert data.values(attribute).fillna("").tolist() == ["Africa", ""]
    assert data.open_image(0).size == (8, 6)


def test_a_geode_index_without_region_or_path_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index.csv").write_text("object,where\nbag,Africa\n")
    with pytest.raises(UserError, match="no region or no path among: object, where"):
        load_geode(tmp_path)


def street(root: Path, incomes: list[str]) -> Path:
    rows = [
        f"{i},x,Burundi,af,image,beds,place{i // 2},{income},assets/{i}.jpg,['bed'],1"
        for i, income in enumerate(incomes)
    ]
    (root / "images_v2.csv").write_text("\n".join([STREET, *rows]) + "\n")
    return root


def test_incomes_are_cut_at_their_quartiles_and_the_cuts_recorded(tmp_path: Path) -> None:
    """Of 10, 20, 30, 40, 50 the quartiles are 20, 30 and 40; an income at a cut is below it."""
    data = load_dollar_street(street(tmp_path, ["50", "10", "20", "30", "40"]))
    assert data.values("income_band").tolist() == [
        "highest quarter", "lowest quarter", "lowest quarter", "second quarter", "third quarter",
    ]  # fmt: skip
    assert "20, 30, 40 dollars" in data.card.notes[0]
    assert data.clusters.tolist() == ["place0", "place0", "place1", "place1", "place2"]
    assert data.levels("income_band")[0] == "lowest quarter"


def test_an_income_that_is_no_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="line 3: income is no number"):
        load_dollar_street(street(tmp_path, ["50", "much"]))
    (tmp_path / "images_v2.csv").write_text("income\n5\n")
    with pytest.raises(UserError, match=r"no column 'country.name'"):
        load_dollar_street(tmp_path)
