"""Objects around the world: GeoDE (Ramaswamy et al. 2023) and Dollar Street (Gaviria Rojas et al. 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from clipmodel.errors import UserError
from probes.datasets.annotation_tables import first_of, place, repairs
from probes.datasets.cards import UNVERIFIED, DataCard
from probes.datasets.dataset_kind import DatasetKind
from probes.datasets.demographic_dataset import ID
from probes.datasets.file_dataset import FileDataset, find, read_annotations

INCOME_QUARTILES = (0.25, 0.5, 0.75)
INCOME_BANDS = ("lowest quarter", "second quarter", "third quarter", "highest quarter")
GEODE = DataCard(
    name="geode",
    title="GeoDE",
    version="2023",
    licence="CC BY, as its page says",
    consent="given: photographers were asked for the images, and none shows a person",
    label_provenance="self-reported",
    labelled_by="the photographers, by what they were asked for and where they are",
    caution="Objects, not persons; a region is where the photographer was.",
    source="Ramaswamy et al., NeurIPS 2023; geodiverse-data-collection.cs.princeton.edu",
)
DOLLAR_STREET = DataCard(
    name="dollar_street",
    title="Dollar Street",
    version="2",
    licence=f"Creative Commons {UNVERIFIED}",
    consent="households let photographers in; the terms of that are not stated here",
    label_provenance="not stated",
    labelled_by="the photographers of Gapminder, and the households on their income",
    caution="Homes and objects; the income is that of the household, in US dollars a month.",
    source="Gaviria Rojas et al., NeurIPS 2022; Gapminder",
    cluster="place",
)


def load_geode(root: Path) -> FileDataset:
    """GeoDE: the folder of index.csv and the images its paths name.

    Attributes: object, and region or country, whichever the index has.

    Raises
    ------
    UserError
        The index is missing, or has no object, region or path.
    """
    file = find(root, "index.csv", what="GeoDE")
    table = read_annotations(file, ["object"])
    places = [name for name in ("region", "ip_country") if name in table]
    path = first_of(("file_path", "file_name"), table)
    if not places or path is None:
        found = ", ".join(map(str, table))
        raise UserError(
            f"{file}: no region or no path among: {found}", remedy="columns: region or ip_country, file_path"
        )
    frame = table[["object", *places]].rename(columns={"ip_country": "country"})
    if (missing := table[path].isna()).any():
        raise UserError(f"{file}, {place(missing)}: {path} is empty", remedy="give every row its image")
    frame.insert(0, ID, table[path])
    card = replace(GEODE, notes=repairs(table))
    return FileDataset(frame, root=root, attributes=tuple(frame.columns[1:]), card=card)


def load_dollar_street(root: Path) -> FileDataset:
    """Dollar Street: the folder of images_v2.csv and the images that imageRelPath names.

    Attributes: topic, country, region and income_band. The incomes of the file are cut at their quartiles,
    which the notes of the data record. Images of one place are a cluster.

    Raises
    ------
    UserError
        The file or a column is missing, or an income is no number.
    """
    file = find(root, "images_v2.csv", what="Dollar Street")
    columns = ("country.name", "region.id", "topics", "place", "income", "imageRelPath")
    table = read_annotations(file, columns, key="imageRelPath")
    income = pd.to_numeric(table["income"], errors="coerce")
    if income.isna().any():
        where = place(income.isna())
        raise UserError(f"{file}, {where}: income is no number", remedy="write US dollars a month")
    # Publications cut at other incomes, so the cut points are written into the card.
    cuts = [float(income.quantile(q)) for q in INCOME_QUARTILES]
    frame = pd.DataFrame(
        {
            ID: table["imageRelPath"],
            "topic": table["topics"],
            "country": table["country.name"],
            "region": table["region.id"],
            "place": table["place"],
            "income_band": _bands(income, cuts),
        }
    )
    words = ", ".join(f"{cut:,.0f}" for cut in cuts)
    cut = f"Incomes were cut at the quartiles of these images: {words} dollars a month."
    return FileDataset(
        frame,
        root=root,
        attributes=("topic", "country", "region", "income_band"),
        card=replace(DOLLAR_STREET, notes=(cut, *repairs(table))),
        orders={"income_band": INCOME_BANDS},
        derived={"region": "country"},
    )


def _bands(income: pd.Series, cuts: Sequence[float]) -> pd.Series:
    above = sum((income > cut).astype(int) for cut in cuts)
    return pd.Series(above).map(dict(enumerate(INCOME_BANDS)))


KINDS = (
    DatasetKind.published(load_geode, GEODE),
    DatasetKind.published(load_dollar_street, DOLLAR_STREET),
)
