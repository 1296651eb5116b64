"""Published figures to read beside the results of a suite: references, never targets."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import Field, model_validator

from clipmodel.yaml_models import StrictModel, read_yaml_model
from probes.suite.validation_errors import misplaced

FOLDER = Path(__file__).parents[2] / "data" / "published_figures"


class Counterpart(StrictModel):
    """Where in a result the counterpart of a figure stands; table, column and row add up to one place."""

    probe: str = ""
    outcome: str = Field(default="", description="Left out: accuracy.")
    design: str = ""
    group: dict[str, str] = Field(default={}, description="Attribute: value; all images if left out.")


class ReferenceColumn(StrictModel):
    """A column of a published table."""

    name: str
    counterpart: Counterpart = Counterpart()


class ReferenceRow(StrictModel):
    """A row of a published table; one with `counterpart` has a counterpart in the results."""

    name: str
    values: list[float | None] = Field(description="In per cent of images, as printed.")
    counterpart: Counterpart | None = None


class ReferenceTable(StrictModel):
    """A published table.

    Raises
    ------
    ValueError
        A row has more or fewer values than there are columns.
    """

    table: str
    title: str
    note: str = ""
    counterpart: Counterpart = Counterpart()
    columns: list[ReferenceColumn]
    rows: list[ReferenceRow]

    @model_validator(mode="after")
    def _check(self) -> ReferenceTable:
        for position, row in enumerate(self.rows):
            if len(row.values) != len(self.columns):
                message = f"{len(row.values)} values for {len(self.columns)} columns"
                raise misplaced(["rows", position], message, remedy="write null where nothing is printed")
        return self


class Figures(StrictModel):
    """The figures of one publication."""

    name: str
    title: str
    source: str
    note: str = ""
    tables: list[ReferenceTable]


def shipped_figures() -> list[str]:
    """Names of the files in the package."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


@cache
def load_figures(name: str) -> Figures:
    """Shipped figures by name; UserError where there are none."""
    path = FOLDER / f"{name}.yaml"
    return read_yaml_model(path, Figures, what="file of figures", shipped=shipped_figures())
