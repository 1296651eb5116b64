"""How FHIBE writes its values: "N. text", lists of those, colours as RGB triples, countries in free text.

A number says where a value stands in the questionnaire, not how much of something there is: skin colours are
numbered from the darkest, so they are ordered by what the RGB values say.
"""

from __future__ import annotations

import ast
import csv
import io
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv

from clipmodel.errors import UserError
from clipmodel.yaml_models import is_file, shortened
from probes.datasets.memberships import SEVERAL

AGE_BANDS = ("18-29", "30-39", "40-49", "50-59", "60+")
FIRST_YEARS = (18, 30, 40, 50, 60)
SKIN_TONES = ("I", "II", "III", "IV", "V", "VI")
REGIONS = {0: "Africa", 6: "Americas", 11: "Asia", 17: "Europe", 22: "Oceania"}
LAST_SUBREGION = 26
NOT_SAID = ("prefer not to say", "not known", "nan", "none", "")
UNREAD = ("segments", "keypoints", "head_pose", "other_face", "CelebA")  # long lists of coordinates
UNNAMED = re.compile(r"(Unnamed: .*)?")
BLOCK_BYTES = 64 << 20  # a row must lie in one; those with coordinates of whole bodies have hundreds of kB
_NUMBERED = re.compile(r"\s*(?P<number>\d+)\.\s*(?P<text>.*?)\s*", re.DOTALL)
_RGB = re.compile(r"\[?\(?\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)?\]?")
# Spellings that people gave; a spelling in another case or with blanks around it is found by itself.
COUNTRIES = {
    "vietnam": "Viet Nam", "vietnamese": "Viet Nam", "veitnam": "Viet Nam", "vietam": "Viet Nam",
    "usa": "United States", "us": "United States", "united states of america": "United States",
    "uk": "United Kingdom", "england": "United Kingdom", "uae": "United Arab Emirates",
    "ua": "Ukraine", "phillipines": "Philippines", "pakisan": "Pakistan", "nigerian": "Nigeria",
    "kenyan": "Kenya", "morroco": "Morocco", "bahamas, the": "Bahamas",
}  # fmt: skip
_SMALL = ("of", "the", "and")


def read_table(file: Path, needed: Iterable[str]) -> pd.DataFrame:
    """A table of FHIBE as strings, "" where a field is empty, without the long lists of coordinates.

    Raises
    ------
    UserError
        It is missing, no UTF-8 text, lacks a column, has a row of another length or none at all, or its last
        line has no end: it is cut off.
    """
    if not is_file(file):
        raise UserError(f"no table at {str(file)!r}", remedy="give the folder that FHIBE unpacks to")
    header = _header(file)
    chosen = [name for name in header if name not in UNREAD and not UNNAMED.fullmatch(name)]
    if absent := [name for name in needed if name not in chosen]:
        raise UserError(f"{file}: no column {absent[0]!r}", remedy="take the table of the download")
    try:
        # Arrow counts the fields of every row, which pandas does not: a row that is cut off ends here.
        # Columns of polygons have fields beyond the limit of Python's csv module.
        read = pa_csv.read_csv(
            file,
            read_options=pa_csv.ReadOptions(block_size=BLOCK_BYTES),
            parse_options=pa_csv.ParseOptions(newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(
                include_columns=chosen, column_types=dict.fromkeys(chosen, pa.string())
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError, UnicodeDecodeError) as error:
        reason = "not UTF-8 text" if "invalid UTF8" in str(error) else shortened(error)
        raise UserError(f"{file}: {reason}", remedy="download it again") from error
    if not read.num_rows:
        raise UserError(f"{file}: the table has no rows", remedy="download it again")
    table = pd.DataFrame({name: read.column(name).to_pylist() for name in chosen}, dtype=str)
    table = table.apply(lambda column: column.str.strip())
    table.index = pd.RangeIndex(1, len(table) + 1)  # the numbers of rows in messages
    return pd.DataFrame(table.drop_duplicates())


def _header(file: Path) -> list[str]:
    """The names of the columns; refuses a file that is no text, or whose last line has no end."""
    try:
        with file.open("rb") as opened:
            first = opened.readline().decode("utf-8-sig")
            opened.seek(0, io.SEEK_END)
            opened.seek(-min(opened.tell(), 1), io.SEEK_END)
            last = opened.read()
    except UnicodeDecodeError as error:
        raise UserError(f"{file}: not UTF-8 text", remedy="download it again") from error
    if last not in (b"\n", b"\r"):
        raise UserError(f"{file}: the last line has no end, it may be cut off", remedy="download it again")
    return next(csv.reader([first.rstrip("\r\n")]), [])


def values_of(file: Path, cell: str, *, row: object, column: str) -> dict[str, int]:
    """The values in a cell, each with its number; a value without one is numbered after all others.

    Examples
    --------
    >>> values_of(Path("t.csv"), "['11. Asia', '15. Southern Asia']", row=1, column="ancestry")
    {'Asia': 11, 'Southern Asia': 15}
    """
    parts: list[object] = [cell]
    if cell.startswith(("[", "(")):
        try:
            parts = list(ast.literal_eval(cell))
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
            raise UserError(
                f"{file}, row {row}: {column} is {cell[:80]!r}", remedy="a list is ['0. a', '1. b']"
            ) from error
    found: dict[str, int] = {}
    for part in parts:
        match = _NUMBERED.fullmatch(str(part))
        text = match["text"] if match else str(part).strip()
        if text.lower() not in NOT_SAID:
            found[text] = int(match["number"]) if match else 10**6
    return dict(sorted(found.items(), key=lambda pair: pair[1]))


def in_words(file: Path, column: pd.Series, *, joined: str | None) -> tuple[pd.Series, tuple[str, ...]]:
    """A column without its numbers, and its values in the order of the numbers.

    Parameters
    ----------
    joined
        What joins several values of one cell; None if a cell with several has no label.
    """
    texts: dict[str, str | None] = {}
    numbers: dict[str, int] = {}
    for row, cell in column.drop_duplicates().items():
        found = values_of(file, cell, row=row, column=str(column.name))
        numbers |= found
        known = found and (joined is not None or len(found) == 1)
        texts[cell] = (joined or "").join(found) if known else None
    order = tuple(sorted(numbers, key=lambda text: (numbers[text], text)))
    return column.map(texts).astype(object), order


Labelled = tuple[pd.Series, tuple[str, ...]]


def ancestries(file: Path, column: pd.Series) -> tuple[Labelled, Labelled]:
    """The regions and the subregions of people's ancestry; a subregion implies its region.

    Raises
    ------
    UserError
        A number is none of the questionnaire's 0 to 26.
    """
    regions: dict[str, str | None] = {}
    smaller: dict[str, str | None] = {}
    numbers: dict[str, int] = {}
    for row, cell in column.drop_duplicates().items():
        found = values_of(file, cell, row=row, column="ancestry")
        if wrong := next((text for text, number in found.items() if number > LAST_SUBREGION), None):
            raise UserError(
                f"{file}, row {row}: ancestry {wrong!r} has no number of the questionnaire",
                remedy=f"numbers are 0 to {LAST_SUBREGION}, as in '11. Asia'",
            )
        # The first number of a region stands for all of it, and its subregions follow.
        own = dict.fromkeys(REGIONS[max(first for first in REGIONS if first <= n)] for n in found.values())
        below = {text: number for text, number in found.items() if number not in REGIONS}
        numbers |= below
        regions[cell] = SEVERAL.join(own) or None
        smaller[cell] = SEVERAL.join(below) or None
    order = tuple(sorted(numbers, key=lambda text: numbers[text]))
    return (
        (column.map(regions).astype(object), tuple(REGIONS.values())),
        (column.map(smaller).astype(object), order),
    )


def age_bands(file: Path, column: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Ages in years as strings, and their bands, closed on the left; None where there is none.

    Raises
    ------
    UserError
        An age is no number, or below 18: FHIBE shows adults only.
    """
    years = pd.to_numeric(column.where(column != ""), errors="coerce")
    wrong = (column != "") & ~column.str.lower().isin(NOT_SAID) & ~(years >= FIRST_YEARS[0])
    if wrong.any():
        row = wrong.index[int(wrong.to_numpy().argmax())]
        raise UserError(f"{file}, row {row}: age is {column[row]!r}", remedy="years, 18 or more")
    whole = years.map(lambda value: None if pd.isna(value) else str(int(value))).astype(object)
    band = years.map(
        lambda value: None if pd.isna(value) else AGE_BANDS[sum(value >= f for f in FIRST_YEARS) - 1]
    )
    return whole, band.astype(object)


def skin_tones(file: Path, column: pd.Series) -> tuple[pd.Series, str]:
    """Fitzpatrick types of colours such as "0. [102, 78, 65]", which is the darkest, VI.

    The luminance of the RGB values decides; the numbers must agree with it.

    Returns
    -------
    The types, None where there is none, and which RGB value each stands for.

    Raises
    ------
    UserError
        A colour cannot be read, there are more than six, or their numbers are not in the order from dark to
        light.
    """
    colours: dict[str, tuple[int, tuple[int, ...]]] = {}
    for row, cell in column.drop_duplicates().items():
        if cell.strip("[]'\" ").lower() in NOT_SAID:
            continue
        # Also in a list of one, as some columns have it.
        match = _NUMBERED.fullmatch(cell.strip("[]'\" ") + ("]" if "[" in cell else ""))
        rgb = _RGB.fullmatch(match["text"]) if match else None
        if match is None or rgb is None or int(match["number"]) >= len(SKIN_TONES):
            raise UserError(
                f"{file}, row {row}: {column.name} is {cell!r}", remedy="a colour is '0. [102, 78, 65]'"
            )
        colours[cell] = (int(match["number"]), tuple(map(int, rgb.groups())))
    distinct = sorted(set(colours.values()), key=lambda pair: _luminance(pair[1]))
    numbers = [number for number, _ in distinct]
    if numbers != sorted(set(numbers)):
        raise UserError(
            f"{file}: the numbers of {column.name} do not go from dark to light: {numbers}",
            remedy="take the table of the download",
        )
    # 0 is the darkest, Fitzpatrick VI.
    types = {cell: SKIN_TONES[len(SKIN_TONES) - 1 - number] for cell, (number, _) in colours.items()}
    words = [f"{SKIN_TONES[5 - number]} is RGB {list(rgb)}" for number, rgb in reversed(distinct)]
    said = f"Fitzpatrick types from I, the lightest; {', '.join(words)}." if words else ""
    return column.map(types).astype(object).where(column.isin(list(types)), None), said


def _luminance(rgb: tuple[int, ...]) -> float:
    """Relative luminance without gamma, which keeps the order of these six (ITU-R BT.709)."""
    red, green, blue = rgb
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def countries(column: pd.Series, known: Mapping[str, str] = COUNTRIES) -> tuple[pd.Series, str]:
    """Countries in one spelling, None where there is none, and what was changed."""
    named = {cell: _country(cell, known) for cell in column.unique()}
    n = int((column.map(named) != column).sum())
    said = f"{n:,} countries that people wrote in another spelling were evened out." if n else ""
    return column.map(named).astype(object), said


def _country(cell: str, known: Mapping[str, str]) -> str | None:
    words = " ".join(cell.strip("[]'\" ").split())
    if words.lower() in NOT_SAID:
        return None
    if words.lower() in known:
        return known[words.lower()]
    first, *others = words.title().split()
    return " ".join([first, *(word.lower() if word.lower() in _SMALL else word for word in others)])
