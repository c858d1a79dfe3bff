# SPDX-License-Identifier: Apache-2.0
"""Canonical JSON, written whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from perilscope.errors import StoreError

RUN_FILE = "run.json"


def to_json(document: dict[str, Any], *, ordered: bool = True) -> str:
    r"""The one spelling of a document: sorted keys, shortest numbers, no NaN, newline at the end.

    The shortest number is the one with the fewest digits (17 at most) that reads as the same
    float64. Where ``ordered`` is false keys stay as they are: states of a node have an order.

    Raises
    ------
    StoreError
        The document holds a number that is not finite.

    Examples
    --------
    >>> to_json({"b": 1.5, "a": [1, 2]})
    '{\n "a": [\n  1,\n  2\n ],\n "b": 1.5\n}\n'
    """
    try:
        return (
            json.dumps(document, sort_keys=ordered, indent=1, ensure_ascii=False, allow_nan=False)
            + "\n"
        )
    except ValueError as error:
        raise StoreError(f"the result holds a number that is not finite: {error}") from error


def write_text(path: Path, text: str) -> None:
    """Write a text so that a reader sees the old one or the new one; see `write_bytes`."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old one or the new one, never a part.

    Raises
    ------
    StoreError
        The folder cannot be made or the file cannot be written; what was there is unharmed.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            os.chmod(name, 0o644)
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error


def read_run(path: Path) -> dict[str, Any]:
    """Read a run back from its folder (or from ``run.json`` itself).

    Raises
    ------
    StoreError
        Nothing there, or not a run.
    """
    file = path / RUN_FILE if path.is_dir() else path
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise StoreError(
            f"no run at {path}: give the folder that `perilscope run --out` wrote, "
            f"which holds {RUN_FILE}"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"cannot read {file}: {error}") from error
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise StoreError(f"{file} is not a run: {error}") from error
    if not isinstance(document, dict) or "provenance" not in document or "book" not in document:
        raise StoreError(f"{file} is JSON, but not a run of perilscope")
    return document
