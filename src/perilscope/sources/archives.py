# SPDX-License-Identifier: Apache-2.0
"""Archives and columns: zip files of tables, and Arrow or Feather tables as text.

An archive says how large its members are before they are unpacked, and is held to it while they
are: a small file that would unpack to a very large one costs nothing but its refusal.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import Any

from perilscope.errors import DataError, Fault, MisuseError
from perilscope.evidence.dialects import text_of
from perilscope.sources.limits import DATA_LIMIT, MIB

_TABLES = (".csv", ".json", ".txt")
_MEMBERS = 5000


def _refused(name: str, what: str, mend: str = "") -> DataError:
    return DataError([Fault(name, 0, 0, "", what, mend)])


def unzipped(name: str, data: bytes, limit: int = DATA_LIMIT) -> list[tuple[str, bytes]]:
    """The tables in a zip archive, in the order of their names.

    Parameters
    ----------
    name : str
        Name of the archive as the user gave it.
    data : bytes
    limit : int
        Bytes to which all of them together may unpack.

    Returns
    -------
    list of (name, content)
        Named ``archive.zip/member.csv``.

    Raises
    ------
    DataError
        If it is no archive, is damaged or locked with a password, holds no table, or unpacks to
        more than the limit.

    Examples
    --------
    >>> out = io.BytesIO()
    >>> with zipfile.ZipFile(out, "w") as archive:
    ...     archive.writestr("BTCUSDT-1d.csv", "date,asset,close")
    >>> unzipped("p.zip", out.getvalue())
    [('p.zip/BTCUSDT-1d.csv', b'date,asset,close')]
    """
    found, left = [], limit
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [one for one in archive.infolist() if _is_table(one)]
            if len(members) > _MEMBERS or sum(one.file_size for one in members) > limit:
                raise _refused(name, f"it unpacks to more than {limit // MIB} MiB", "split it")
            for member in sorted(members, key=lambda one: one.filename):
                with archive.open(member) as file:
                    text = file.read(left + 1)
                left -= len(text)
                if left < 0:
                    raise _refused(name, f"it unpacks to more than {limit // MIB} MiB", "split it")
                found.append((f"{name}/{member.filename}", text))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
        raise _refused(name, f"not readable as a zip archive: {error}") from None
    except RuntimeError:
        raise _refused(name, "this archive needs a password", "unpack it first") from None
    if not found:
        raise _refused(name, "there is no table in this archive", "it holds *.csv or *.json")
    return found


def _is_table(member: zipfile.ZipInfo) -> bool:
    name = member.filename.rsplit("/", 1)[-1]
    return name.casefold().endswith(_TABLES) and not name.startswith(".")


def _pyarrow() -> Any:
    try:
        import pyarrow.feather
    except ImportError:
        raise MisuseError(
            "Arrow and Feather need pyarrow, which is an extra: pip install 'perilscope[arrow]'; "
            "or give the same table as CSV"
        ) from None
    return pyarrow


def arrow_as_csv(name: str, data: bytes, limit: int = DATA_LIMIT) -> bytes:
    """An Arrow or Feather table as comma-separated text; row n becomes line n + 1.

    Raises
    ------
    MisuseError
        If pyarrow is not installed.
    DataError
        If it is no such table, or larger than the limit when it is unpacked.
    """
    arrow = _pyarrow()
    try:
        table = arrow.feather.read_table(io.BytesIO(data), memory_map=False)
        if table.nbytes > limit:
            raise _refused(name, f"it unpacks to more than {limit // MIB} MiB", "split it")
        columns = [column.to_pylist() for column in table.columns]
    except (arrow.ArrowException, OSError) as error:
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise _refused(name, f"not readable as an Arrow table: {first}") from None
    return text_of(list(zip(*columns, strict=True)), table.column_names)
