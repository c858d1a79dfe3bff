# SPDX-License-Identifier: Apache-2.0
"""Bulk draws: arrays of numbers with a small document, written whole or not at all.

The file is a NumPy archive (``.npz``) without pickled objects, which any program reads.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perilscope.errors import StoreError
from perilscope.store.documents import to_json

ABOUT = "about"
MOST_BYTES = 1 << 30
"""Largest archive that is read, unpacked."""


def packed(arrays: Mapping[str, NDArray[Any]], about: Mapping[str, Any]) -> bytes:
    """Arrays of numbers and a document as one file.

    Examples
    --------
    >>> content = packed({"losses": np.array([1.0, 2.0])}, {"seed": 1})
    >>> found, about = unpacked(content, "draws.npz")
    >>> found["losses"].tolist(), about
    ([1.0, 2.0], {'seed': 1})
    """
    text = np.frombuffer(to_json(dict(about)).encode(), dtype=np.uint8)
    out = io.BytesIO()
    np.savez(out, allow_pickle=False, **{ABOUT: text}, **arrays)
    return out.getvalue()


def unpacked(content: bytes, name: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The arrays and the document of a file.

    Raises
    ------
    StoreError
        It is no such file, or unpacks to more than a gigabyte.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size = sum(item.file_size for item in archive.infolist())
        if size > MOST_BYTES:
            raise StoreError(f"{name} unpacks to {size:,} bytes; at most {MOST_BYTES:,} are read")
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            found = {key: archive[key] for key in archive.files}
        about = json.loads(found.pop(ABOUT).tobytes().decode())
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, RecursionError) as error:
        raise StoreError(f"{name} holds no draws: {error}") from error
    if not isinstance(about, dict):
        raise StoreError(f"{name} holds no draws: its document is none")
    return found, about


def read_arrays(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read arrays and their document back.

    Raises
    ------
    StoreError
        Nothing there, too large, or not such a file.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise StoreError(f"{path} is larger than {MOST_BYTES:,} bytes")
        content = path.read_bytes()
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror or error}") from error
    return unpacked(content, str(path))
