"""Members of the US Congress: official portraits, as the CLIP paper used them in section 7.1."""

from __future__ import annotations

from pathlib import Path

from probes.datasets.cards import DataCard
from probes.datasets.dataset_kind import DatasetKind
from probes.datasets.demographic_dataset import ID
from probes.datasets.file_dataset import FileDataset, checked_values, find, read_annotations

FILE = "congress.csv"
COLUMNS = ("file", "bioguide", "name", "gender", "birthday", "party", "chamber", "state")
ATTRIBUTES = ("gender", "party", "chamber", "state")
GENDERS = ("female", "male")
CHAMBERS = {"rep": "House", "sen": "Senate"}
CARD = DataCard(
    name="congress",
    title="Members of the US Congress",
    version="118th Congress",
    licence="portraits: works of the US government; the table: CC0",
    consent="official portraits of office holders, published by their office",
    label_provenance="public record",
    labelled_by="the public record of the members",
    caution="Gender is as public records list it, in two values. One portrait a member: small groups.",
    source="official portraits of the 118th Congress, and a CC0 table of its members",
    cluster="bioguide",
)


def load_congress(root: Path) -> FileDataset:
    """Members of Congress: the folder of congress.csv and images/.

    Raises
    ------
    UserError
        The file or a column is missing, or a value is unknown.
    """
    file = find(root, FILE, what="the members of Congress")
    table = read_annotations(file, COLUMNS, key="file")
    frame = table[["bioguide", "name", "party", "state"]].assign(
        gender=checked_values(file, table["gender"], GENDERS),
        chamber=checked_values(file, table["chamber"], tuple(CHAMBERS)).map(CHAMBERS),
    )
    frame.insert(0, ID, table["file"])
    return FileDataset(frame, root=root, attributes=ATTRIBUTES, card=CARD, orders={"gender": GENDERS})


KINDS = (DatasetKind.published(load_congress, CARD),)
