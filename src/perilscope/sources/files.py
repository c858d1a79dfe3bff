# SPDX-License-Identifier: Apache-2.0
"""Files: books, prices, positions and logs, read with a limit on their size.

A file is measured before it is read, so that a file of two gigabytes costs nothing but its refusal.
Every error names the file as the user wrote it. Parquet needs DuckDB, which is an extra; it is
let at that one file and at nothing else.
"""

from __future__ import annotations

import csv
import difflib
import hashlib
import io
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from perilscope.errors import BookError, DataError, Fault, MisuseError
from perilscope.evidence.calendar import UTC_DAYS, Calendar
from perilscope.evidence.prices import History, merge, parse_prices
from perilscope.evidence.table import decode
from perilscope.sources.archives import arrow_as_csv, unzipped
from perilscope.sources.limits import DATA_LIMIT, MIB

#: Largest file of a book, in bytes.
BOOK_LIMIT = 8 * MIB

Reader = Callable[[str], bytes]
_ARROW = (".feather", ".arrow")
_PRICES = (".csv", ".parquet", ".zip", ".json", ".feather", ".arrow")


def _refused(name: str, what: str, mend: str = "") -> DataError:
    return DataError([Fault(name, 0, 0, "", what, mend)])


def _near(path: Path) -> str:
    """A hint at a name like this one in the same folder."""
    try:
        names = sorted(os.listdir(path.parent))
    except OSError:
        return f"there is no folder {path.parent.as_posix()}"
    close = difflib.get_close_matches(path.name, names, n=1)
    return f"did you mean {(path.parent / close[0]).as_posix()}?" if close else ""


def _size(size: int) -> str:
    return f"{size / MIB:,.1f} MiB" if size >= MIB else f"{size:,} bytes"


def _measured(path: Path, limit: int) -> None:
    """Refuse what is absent, no file, or too large, before anything is read of it."""
    name = path.as_posix()
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise _refused(name, "there is no such file", _near(path)) from None
    except PermissionError:
        raise _refused(name, "this file may not be read", "give yourself the right to") from None
    except (OSError, ValueError) as error:  # too long a name, a loop of links, a null character
        raise _refused(name, f"this is not the name of a file: {error}") from None
    if stat.S_ISDIR(found.st_mode):
        raise _refused(name, "this is a folder and a file is wanted")
    if not stat.S_ISREG(found.st_mode):
        raise _refused(name, "this is not an ordinary file", "pipes and devices are not read")
    if found.st_size > limit:
        what = f"this file has {_size(found.st_size)}; at most {_size(limit)} are read"
        raise _refused(name, what, "split it, or leave out what is not needed")


def read_bytes(path: str | Path, limit: int = DATA_LIMIT) -> bytes:
    """The content of a file.

    Parameters
    ----------
    path : str or Path
    limit : int
        Largest size in bytes that is read.

    Raises
    ------
    DataError
        If there is no such file, it is a folder or a device, it may not be read, or it is larger
        than the limit, which is looked at first.
    """
    where = Path(path)
    _measured(where, limit)
    try:
        with where.open("rb") as file:
            data = file.read(limit + 1)
    except PermissionError:
        what, mend = "this file may not be read", "give yourself the right to"
        raise _refused(where.as_posix(), what, mend) from None
    except OSError as error:
        raise _refused(where.as_posix(), f"this file cannot be read: {error.strerror}") from None
    if len(data) > limit:  # it grew after it was measured
        raise _refused(where.as_posix(), f"this file is larger than {_size(limit)}")
    return data


def read_text(path: str | Path, limit: int = DATA_LIMIT) -> str:
    """The content of a UTF-8 text file; DataError as `read_bytes`, and where it is not UTF-8."""
    return decode(Path(path).as_posix(), read_bytes(path, limit))


def _hollow(data: bytes) -> bool:
    """Whether a YAML file says nothing: blank lines and comments only."""
    lines = (line.strip() for line in data.removeprefix(b"\xef\xbb\xbf").splitlines())
    return all(not line or line.startswith(b"#") for line in lines)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir(), key=lambda path: path.name)
    except PermissionError:
        what, mend = "this folder may not be read", "give yourself the right to"
        raise _refused(folder.as_posix(), what, mend) from None


def _yaml_in(folder: Path) -> list[Path]:
    """The ``*.yaml`` directly in a folder, without hidden files, in the order of their names."""
    entries = [path for path in _entries(folder) if not path.name.startswith(".")]
    found = [p for p in entries if p.suffix.lower() == ".yaml" and not p.is_dir()]
    if not found:
        others = [path.name for path in entries if path.suffix.lower() == ".yml"]
        mend = f"call {others[0]} {Path(others[0]).stem}.yaml" if others else "a book is *.yaml"
        what = "there is no *.yaml directly in this folder"
        raise BookError([Fault(folder.as_posix(), 0, 0, "", what, mend)])
    return found


def book_files(path: str | Path) -> tuple[dict[str, bytes], Reader, Path]:
    """The files of a book: one YAML file, or the ``*.yaml`` directly in a folder.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    files : dict of name to content
        Named as the user would write them, in the order of their names.
    read : callable
        Reads what the book names, relative to the folder of the book. Names may lead out of that
        folder; errors say where they led.
    base : Path
        The folder of the book.

    Raises
    ------
    MisuseError
        If there is no such file or folder.
    BookError
        If a folder has no ``*.yaml``, or a file is empty, too large or may not be read; all at
        once.
    """
    where = Path(path)
    try:
        folder, there = where.is_dir(), where.exists()
    except (OSError, ValueError) as error:
        raise MisuseError(f"{where}: this is not the name of a book: {error}") from None
    if not there:
        hint = _near(where)
        told = f"\n    {hint}" if hint else ""
        raise MisuseError(f"{where.as_posix()}: there is no such file or folder{told}")
    files: dict[str, bytes] = {}
    faults: list[Fault] = []
    try:
        for file in _yaml_in(where) if folder else [where]:
            name = file.as_posix()
            try:
                files[name] = read_bytes(file, BOOK_LIMIT)
            except DataError as error:
                faults.extend(error.faults)
                continue
            if _hollow(files[name]):
                faults.append(
                    Fault(name, 0, 0, "", "this file is empty", "write in it or remove it")
                )
    except DataError as error:
        faults.extend(error.faults)
    if faults:
        raise BookError(faults)
    base = where if folder else where.parent
    return files, lambda relative: read_bytes(base / relative, BOOK_LIMIT), base


def _duckdb() -> Any:
    try:
        import duckdb
    except ImportError:
        raise MisuseError(
            "Parquet needs DuckDB, which is an extra: pip install 'perilscope[parquet]'; "
            "or give the same table as CSV"
        ) from None
    return duckdb


def parquet_as_csv(path: str | Path, limit: int = DATA_LIMIT) -> bytes:
    """The table in a Parquet file as comma-separated text with a header.

    Numbers are written with all their digits, dates as 2026-11-20. Row n of the table becomes
    line n + 1 of the text, and that is the line that errors name.

    Raises
    ------
    MisuseError
        If DuckDB is not installed.
    DataError
        As `read_bytes`, or if it is not a Parquet file.
    """
    where = Path(path)
    _measured(where, limit)
    duckdb = _duckdb()
    target = str(where.resolve())
    if any(sign in target for sign in "*?["):  # to DuckDB it would be a pattern of several files
        raise _refused(where.as_posix(), "a Parquet file with *, ? or [ in its name", "rename it")
    try:
        with duckdb.connect(":memory:") as room:
            for setting in (
                "SET threads = 1",
                "SET autoinstall_known_extensions = false",
                "SET autoload_known_extensions = false",
            ):
                room.execute(setting)
            room.execute(f"SET allowed_paths = [{_quoted(target)}]")
            room.execute("SET enable_external_access = false")
            room.execute("SET lock_configuration = true")
            answer = room.execute("SELECT COLUMNS(*)::VARCHAR FROM read_parquet(?)", [target])
            out = io.StringIO(newline="")
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow([column[0] for column in answer.description])
            while rows := answer.fetchmany(10_000):
                writer.writerows(["" if cell is None else cell for cell in row] for row in rows)
                if out.tell() > limit:  # a small file can unpack to a very large table
                    what = f"this table has more than {_size(limit)} when it is unpacked"
                    raise _refused(where.as_posix(), what, "split it")
    except duckdb.Error as error:
        first = str(error).splitlines()[0]
        raise _refused(where.as_posix(), f"not readable as Parquet: {first}") from None
    return out.getvalue().encode()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def read_table(path: Path) -> tuple[bytes, str]:
    """A table as comma-separated text, and the SHA-256 of the file it came from.

    Parquet and Arrow tables become text (extras ``parquet`` and ``arrow``).

    Raises
    ------
    DataError
        The file is missing, too large, or not readable.
    MisuseError
        The extra is not installed.
    """
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        digest = hashlib.sha256(read_bytes(path)).hexdigest()
        return parquet_as_csv(path), digest
    data = read_bytes(path)
    digest = hashlib.sha256(data).hexdigest()
    if suffix in _ARROW or data[:6] in (b"ARROW1", b"FEA1"):
        return arrow_as_csv(path.as_posix(), data), digest
    return data, digest


def _parts(path: Path) -> list[tuple[str, bytes, str]]:
    """The tables in a file, one or those of an archive: name, text, digest."""
    if path.suffix.lower() != ".zip":
        return [(path.as_posix(), *read_table(path))]
    data = read_bytes(path)
    digest = hashlib.sha256(data).hexdigest()
    return [(name, text, digest) for name, text in unzipped(path.as_posix(), data)]


def read_prices(paths: str | Path | Sequence[str | Path], calendar: Calendar = UTC_DAYS) -> History:
    """The price history in files, or in the files of prices directly in folders.

    Parameters
    ----------
    paths : path or sequence of paths
        Files and folders; the files of a folder are taken in the order of their names. CSV, JSON,
        zip archives of them, Parquet and Arrow (extras).
    calendar : Calendar, optional
        When a day ends, for prices within the day.

    Raises
    ------
    DataError
        With every fault of every file; or if a folder holds no prices.
    MisuseError
        If what reads a format is not installed.
    """
    faults: list[Fault] = []
    found: list[History] = []
    for path in [paths] if isinstance(paths, str | Path) else paths:
        for file in _price_files(Path(path)):
            try:
                for name, data, digest in _parts(file):
                    found.append(replace(parse_prices(name, data, calendar), digest=digest))
            except DataError as error:
                faults.extend(error.faults)
    if faults:
        raise DataError(faults)
    return merge(found)


def _price_files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    entries = [one for one in _entries(path) if not one.name.startswith(".") and not one.is_dir()]
    found = [one for one in entries if one.suffix.lower() in _PRICES]
    if not found:
        what = f"there is no {', '.join('*' + one for one in _PRICES)} directly in this folder"
        raise _refused(path.as_posix(), what, "put daily prices there: date,asset,close")
    return found
