"""Tables of annotations as they come: CSV, TSV or parquet to strings, with the damage that copies pick up.

Repaired: a byte order mark, line ends of any system, separators after the last field, blanks around a field,
empty rows, the line "sep=;" of spreadsheets, the nameless column of running numbers that some programs write.
Refused, because a repair would be a guess: rows of another length than the header, a quotation mark that is
never closed, columns of one name.
"""

from __future__ import annotations

import csv
import io
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pandas as pd

from clipmodel.errors import UserError
from clipmodel.yaml_models import is_file, shortened
from probes.datasets.formats.other_kinds import foreign_content, foreign_name
from probes.datasets.formats.parquet_frame import parquet_frame
from probes.label_text import clean_label, text_column

# In the order of preference where the header holds two equally often.
SEPARATORS = ",;\t|"
SUFFIXES = (".csv", ".tsv", ".txt", ".parquet")
QUOTE = '"'
LINE, ROW = "line", "row"  # what the index of a table counts
REPAIRS = "repairs"
UNNAMED = re.compile(r"(Unnamed: \d+)?")  # how a column of running numbers is called
SEPARATOR_LINE = re.compile(r'"?sep=([,;|\t])"?,*\n', re.IGNORECASE)  # spreadsheets read and write it
BYTE_ORDERS = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


def read_table(file: Path) -> pd.DataFrame:
    """A CSV, TSV or parquet file as strings; NaN where a field is empty. The separator is detected.

    The index says where a row stands: the line of the file, or the row of a parquet file, from 1. What was
    repaired is told by `repairs`.

    Raises
    ------
    UserError
        The file is missing, empty, of another kind, or damaged.

    Warns
    -----
    UserWarning
        For each kind of repair.
    """
    is_parquet = check_table_file(file)
    table = _read_parquet(file) if is_parquet else _read_text(file)
    table.columns = pd.Index([clean_label(str(name)) for name in table.columns])
    table = _without_empty_rows(file, _named_columns(file, table))
    refuse_repeated_columns(file, table.columns)
    if table.empty:
        raise no_rows(file)
    return table


def check_table_file(file: Path) -> bool:
    """Whether a file is parquet, and not CSV; UserError if it is missing or of another kind."""
    if not is_file(file):
        if is_folder(file):
            raise UserError(
                f"{file}: a folder, not a table",
                remedy="name one file; write a table in parts as one (only predictions: reads parts)",
            )
        if any(sign in file.name for sign in "*?["):
            raise UserError(
                f"no table at {shortened(file)!r}", remedy="name the folder in the place of a pattern"
            )
        raise UserError(f"no table at {shortened(file)!r}", remedy="check the path after the colon")
    if file.suffix.lower() not in SUFFIXES:
        raise foreign_name(file, expected=", ".join(SUFFIXES))
    is_parquet = file.suffix.lower() == ".parquet"
    if foreign := foreign_content(file, beyond=(b"PAR1",) if is_parquet else ()):
        raise foreign
    return is_parquet


def refuse_repeated_columns(file: Path, names: pd.Index) -> None:
    """UserError if two columns have one name."""
    if repeated := sorted(set(names[names.duplicated()])):
        raise UserError(
            f"{file}: the column {repeated[0]!r} is there twice",
            remedy="rename or drop one; the first line of a table names its columns",
        )


def no_rows(file: Path) -> UserError:
    """What to say of a table without rows."""
    return UserError(f"{file}: the table has no rows", remedy="write one row per image")


def repairs(table: pd.DataFrame) -> tuple[str, ...]:
    """What was repaired in a table, a sentence each."""
    return tuple(table.attrs.get(REPAIRS, ()))


def add_repair(table: pd.DataFrame, sentence: str, *, file: Path) -> None:
    """Note a repair of a table, and warn of it."""
    warnings.warn(f"{file}: {sentence}", stacklevel=3)
    table.attrs[REPAIRS] = (*repairs(table), sentence)


def place(wrong: pd.Series) -> str:
    """Where the first true value stands: "line 5", or "row 4" of a parquet file."""
    return f"{wrong.index.name or ROW} {wrong.index[int(wrong.to_numpy().argmax())]}"


def first_of(names: Sequence[str], table: pd.DataFrame) -> str | None:
    """The column that has the first of some names: exactly, or else in other capitals or with blanks."""
    if exact := next((name for name in names if name in table), None):
        return exact
    # Reversed: of two columns of one plain name, the first stays in the dictionary.
    written = {plain_name(column): str(column) for column in reversed(list(table))}
    return next((written[plain_name(name)] for name in names if plain_name(name) in written), None)


def plain_name(name: object) -> str:
    """The name of a column as it is compared: "Person ID" and "person_id" are one."""
    return " ".join(str(name).lower().replace("_", " ").replace("-", " ").split())


def as_strings(table: pd.DataFrame, *, file: Path) -> pd.DataFrame:
    """Every value as a string, whole numbers without a point; NaN where it is missing or empty.

    Raises
    ------
    UserError
        A column holds bytes that are no text, or numbers that a float cannot tell apart.
    """
    try:
        return table.apply(text_column)
    except UserError as error:
        raise UserError(f"{file}: {error.message}", remedy=error.remedy) from error


def without_repeated_rows(table: pd.DataFrame, key: str, *, file: Path) -> pd.DataFrame:
    """The table without rows that repeat another one in every column; what repeats in `key` alone stays."""
    # Only rows whose key repeats can repeat in full, so the others need not be compared.
    candidates = table[table[key].duplicated(keep=False)]
    again = candidates.index[candidates.duplicated()]
    if len(again):
        table = table.drop(index=again)
        add_repair(table, repeated_rows_dropped(len(again)), file=file)
    return table


def repeated_rows_dropped(n: int) -> str:
    """What was repaired where n rows repeated others."""
    rows = "1 row that repeats" if n == 1 else f"{n:,} rows that repeat"
    return f"Dropped: {rows} another one in full."


def is_folder(path: Path) -> bool:
    """Whether a folder is there; a name that no folder can have is none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _read_parquet(file: Path) -> pd.DataFrame:
    frame, notes = parquet_frame(file)
    table = as_strings(frame, file=file)
    table = table.set_index(pd.RangeIndex(1, len(table) + 1, name=ROW))
    for note in notes:
        add_repair(table, note, file=file)
    return table


def decoded(file: Path) -> str:
    """The text of a file with line ends "\\n"; a byte order mark, which spreadsheets write, is left out."""
    content = file.read_bytes()
    remedy = "save it as UTF-8; spreadsheets call it 'CSV UTF-8'"
    if 3 * content.count(b"\0") > len(content):  # half of the bytes of English text, without any mark
        raise UserError(f"{file}, line 1: {_wide(content) or 'UTF-16'} text", remedy=remedy)
    try:
        # utf-8-sig drops the byte order mark, which would become part of the first column's name.
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(
            f"{file}, line {line}: {_wide(content) or 'not UTF-8'} text", remedy=remedy
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _wide(content: bytes) -> str | None:
    """The encoding of several bytes a character that a byte order mark tells."""
    return next((name for mark, name in BYTE_ORDERS.items() if content.startswith(mark)), None)


def _read_text(file: Path) -> pd.DataFrame:
    text, stated = decoded(file), None
    if match := SEPARATOR_LINE.match(text):
        stated, text = match[1], "\n" + text[match.end() :]  # an empty line keeps the numbers of lines
    lines = text.split("\n")
    first = next((line for line in lines if line), "")
    # The header decides: names of columns hold no separators, values may.
    separator = stated or max(SEPARATORS, key=first.count)
    # Most tables are regular, and for those pandas' parser in C is safe to use.
    regular = QUOTE not in text and len({line.count(separator) for line in lines if line}) == 1
    table = (_regular if regular else _irregular)(file, text, separator)
    # Only the empty field is missing: "NA" and "None" may be values.
    table = table.where(table != "")
    return _stripped(file, table) if blank_at_an_edge(text, separator) else table


def blank_at_an_edge(text: str, separator: str) -> bool:
    """Whether some field begins or ends with a blank."""
    edge = re.escape(separator)
    return re.search(f"(?:^|{edge})[ \xa0]|[ \xa0](?:{edge}|$)", text, re.MULTILINE) is not None


def _regular(file: Path, text: str, separator: str) -> pd.DataFrame:
    """Text without quotation marks and with fields of one number: hundreds of thousands of lines a second."""
    lines = text.split("\n")
    numbers = [number for number, line in enumerate(lines, start=1) if line]
    header = lines[numbers[0] - 1].split(separator)
    if len(numbers) == 1:
        return pd.DataFrame(columns=header)
    table = regular_rows(text, separator, header, skip=numbers[0])
    table.index = pd.Index(numbers[1:], name=LINE)
    return table


def regular_rows(text: str, separator: str, header: Sequence[str], *, skip: int = 0) -> pd.DataFrame:
    """Lines of as many fields as the header has, without quotation marks; the first `skip` are left out."""
    # QUOTE_NONE and no default NaN: pandas would take "NA" for missing and join lines within quotes.
    table = pd.read_csv(
        io.StringIO(text), sep=separator, header=None, skiprows=skip, names=range(len(header)),
        dtype=str, keep_default_na=False, quoting=csv.QUOTE_NONE,
    )  # fmt: skip
    table.columns = pd.Index([name.strip() for name in header])
    return table


def _irregular(file: Path, text: str, separator: str) -> pd.DataFrame:
    """Any other text, a record at a time."""
    found = list(irregular_records(file, io.StringIO(text), separator))
    if not found:
        return pd.DataFrame()
    index = pd.Index([line for line, _ in found[1:]], name=LINE)
    return pd.DataFrame([fields for _, fields in found[1:]], columns=found[0][1], index=index, dtype=str)


def irregular_records(file: Path, lines: Iterable[str], separator: str) -> Iterator[tuple[int, list[str]]]:
    """The line and the fields of each record, the header first; surplus separators at its end do not count.

    Raises
    ------
    UserError
        A quotation mark is not closed, or a record is of another length than the header.
    """
    # strict: an unclosed quotation mark would otherwise swallow the rest of the file as one field.
    reader = csv.reader(lines, delimiter=separator, strict=True)
    header: list[str] | None = None
    first = start = 1
    try:
        for fields in reader:
            if fields and header is None:
                header, first = [name.strip() for name in fields], start
                while header and not header[-1]:
                    header.pop()
                yield first, header
            elif fields and header is not None:
                yield start, _as_long_as(header, fields, file, f"line {start}", first)
            # line_num counts lines, not records: a quoted field may hold line breaks.
            start = reader.line_num + 1
    except csv.Error as error:
        remedy = 'close every quotation mark, and write "" for one inside a field'
        raise UserError(f"{file}, line {start}: {error}", remedy=remedy) from error


def _as_long_as(header: list[str], fields: list[str], file: Path, where: str, first: int) -> list[str]:
    while len(fields) > len(header) and not fields[-1].strip():
        fields.pop()
    if len(fields) != len(header):
        raise UserError(
            f"{file}, {where}: {len(fields)} fields, the header (line {first}) has {len(header)}",
            remedy="put a field that holds the separator in quotes, and begin with the names of columns",
        )
    return fields


def _stripped(file: Path, table: pd.DataFrame) -> pd.DataFrame:
    """The table without blanks around a field: "Male " would be a group of its own."""
    stripped, n_changed = without_blanks(table)
    if n_changed:
        add_repair(stripped, blanks_removed(n_changed), file=file)
    return stripped


def without_blanks(table: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """The table without blanks around a field, and how many fields had some."""
    stripped: pd.DataFrame = table.apply(lambda column: column.str.strip())
    n_changed = int((table.notna() & (stripped != table)).to_numpy().sum())
    return stripped.where(stripped != ""), n_changed


def blanks_removed(n: int) -> str:
    """What was repaired where blanks stood around n fields."""
    return f"Blanks around {n:,} fields were removed."


def _without_empty_rows(file: Path, table: pd.DataFrame) -> pd.DataFrame:
    """The table without the empty rows that spreadsheets leave below it."""
    empty = table.isna().all(axis=1)
    if n := int(empty.sum()):
        table = table[~empty]
        add_repair(table, empty_rows_dropped(n), file=file)
    return table


def empty_rows_dropped(n: int) -> str:
    """What was repaired where n rows held nothing."""
    return f"Dropped: {'1 empty row' if n == 1 else f'{n:,} empty rows'}."


def _named_columns(file: Path, table: pd.DataFrame) -> pd.DataFrame:
    """The table without nameless columns that are empty or hold running numbers; others are refused."""
    kept = []
    for position, name in enumerate(map(str, table.columns)):
        if not UNNAMED.fullmatch(name):
            kept.append(position)
            continue
        column = table.iloc[:, position]
        # A column of running numbers is what pandas writes as the index of a table.
        numbers = pd.to_numeric(column, errors="coerce")
        if column.notna().any() and not (numbers.notna().all() and (numbers.diff().iloc[1:] == 1).all()):
            raise nameless(file, position)
    return table.iloc[:, kept] if len(kept) < table.shape[1] else table


def nameless(file: Path, position: int) -> UserError:
    """What to say of a column without a name that holds values."""
    return UserError(f"{file}: column {position + 1} has no name", remedy="name it in the first line")
