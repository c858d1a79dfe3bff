# SPDX-License-Identifier: Apache-2.0
"""Several files as one: the inputs of a run beside its answer, so that it can be made again."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from perilscope.errors import DataError, Fault

LIMIT = 256 << 20
"""Most bytes that an archive may unpack to."""
_DAMAGED = (zipfile.BadZipFile, zlib.error, RuntimeError, OSError, ValueError, EOFError, KeyError)
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


def pack(files: Mapping[str, bytes]) -> bytes:
    """Files by name as one ZIP archive, the same bytes for the same files.

    Examples
    --------
    >>> unpack(pack({"a/b.txt": b"text"}), "x.zip")
    {'a/b.txt': b'text'}
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return out.getvalue()


def unpack(data: bytes, name: str) -> dict[str, bytes]:
    """The files of an archive.

    Raises
    ------
    DataError
        No archive, damaged, larger than 256 MiB when unpacked, or a name that leads out of it.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if sum(entry.file_size for entry in entries) > LIMIT:
                raise _refused(name, f"more than {LIMIT >> 20} MiB when unpacked")
            found = {}
            for entry in entries:
                parts = PurePosixPath(entry.filename).parts
                if not parts or parts[0] == "/" or ".." in parts or "\\" in entry.filename:
                    raise _refused(name, f"the name {entry.filename!r} leads out of the archive")
                with archive.open(entry) as file:
                    found[entry.filename] = file.read(entry.file_size + 1)
            return found
    except _DAMAGED as error:
        raise _refused(name, f"not a readable archive: {error}") from None


def spread(files: Mapping[str, bytes], folder: Path) -> None:
    """Write files that were unpacked into a folder of their own."""
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)


def _refused(name: str, what: str) -> DataError:
    return DataError([Fault(name, 0, 0, "", what, "make the run again")])
